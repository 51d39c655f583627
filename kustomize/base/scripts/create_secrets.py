"""Creates Secrets with random passwords in the cluster, once: `create_secrets.py SECRET=USERNAME ...`.

Each Secret gets the keys username and password. A Secret that exists is kept, so one made by hand wins.
"""

import secrets
import sys
from http import HTTPStatus

import kube_api


def main(arguments: list[str]) -> None:
    """Create every Secret named on the command line that does not exist yet."""
    namespace = kube_api.namespace()
    for argument in arguments:
        name, _, username = argument.partition("=")
        status = kube_api.send(
            "POST",
            f"/api/v1/namespaces/{namespace}/secrets?fieldManager=create-secrets",
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": name, "labels": {"app.kubernetes.io/part-of": "llm-observability"}},
                "stringData": {"username": username, "password": secrets.token_urlsafe(32)},
            },
        )
        print(f"Secret {namespace}/{name}: {'kept' if status is HTTPStatus.CONFLICT else 'created'}.")


if __name__ == "__main__":
    main(sys.argv[1:])

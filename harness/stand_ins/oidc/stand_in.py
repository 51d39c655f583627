"""Plays an identity provider: Keycloak, in the cluster, with a realm of its own.

`up` also makes what a user would: the Secrets by which MLflow, the collector and the suites find it. Its
passwords are random, and are kept as long as its namespace is there. An access token lives 60 seconds, so
that every run sees tokens expire.
"""

from __future__ import annotations

import base64
import json
import secrets
from pathlib import Path
from string import Template

from harness.cluster import lifecycle
from harness.cluster.settings import GATEWAY_PORT, Folders
from harness.common.kubectl import Object, ensure_namespace, find, kubectl, wait_until_rolled_out
from harness.common.manifests import PART_OF, STACK
from harness.common.progress import say
from harness.images.catalog import Image
from harness.images.loading import load_images
from harness.stand_ins.stand_in import StandIn

HERE = Path(__file__).parent
NAMESPACE, STACK_NAMESPACE = "oidc", "kagenti-system"
PUBLIC_HOST = "oidc.localtest.me"
PUBLIC_URL = f"http://{PUBLIC_HOST}:{GATEWAY_PORT}"
SERVICE_URL = f"http://keycloak.{NAMESPACE}.svc.cluster.local:8080"
REALM = "/realms/observability"
TOKEN_URL = f"{SERVICE_URL}{REALM}/protocol/openid-connect/token"
AUDIENCE = "mlflow"
VERSION = "26.7.3"
OFFICIAL_IMAGE = f"quay.io/keycloak/keycloak:{VERSION}"  # where a container engine can pull it
PASSWORDS = (
    "MLFLOW_SECRET",
    "COLLECTOR_SECRET",
    "OTHER_TENANT_SECRET",
    "OTHER_SERVICE_SECRET",
    "PERSON_PASSWORD",
)
# The Secrets of the stack's namespace that hold a client, and the password of each.
CLIENTS = {
    "mlflow-oauth-secret": ("mlflow", "MLFLOW_SECRET"),
    "mlflow-collector-oauth": ("mlflow-collector", "COLLECTOR_SECRET"),
    "mlflow-other-tenant-oauth": ("other-tenant", "OTHER_TENANT_SECRET"),
    "mlflow-other-service-oauth": ("other-service", "OTHER_SERVICE_SECRET"),
}
PERSON = "mlflow-person"
ROLLOUT_LIMIT = 300.0  # seconds: it makes its database anew, a minute on two busy cores


def up() -> None:
    """Load the image, start Keycloak, make the stack's Secrets, and wait until it answers.

    Raises HarnessError when it does not come up.
    """
    folders = Folders.from_environment()
    image = OFFICIAL_IMAGE
    if not lifecycle.pulls_images(folders):
        built = Image("keycloak", VERSION)
        image = built.reference
        load_images(folders, [built])
    for namespace in (NAMESPACE, STACK_NAMESPACE):
        ensure_namespace(kubectl, namespace)
    passwords = find_passwords() or {name: secrets.token_urlsafe(32) for name in PASSWORDS}
    objects = [json.dumps(each) for each in cluster_objects(passwords)]
    manifests = Template((HERE / "keycloak.yaml").read_text(encoding="utf-8"))
    objects.append(manifests.substitute(image=image, public_url=PUBLIC_URL, public_host=PUBLIC_HOST))
    kubectl("apply", "--filename=-", text="\n---\n".join(objects))
    wait_until_rolled_out(kubectl, "deployment/keycloak", f"--namespace={NAMESPACE}", limit=ROLLOUT_LIMIT)
    say(f"Keycloak {VERSION} answers at {PUBLIC_URL}{REALM}.")


def find_passwords() -> dict[str, str] | None:
    """Return the passwords of an earlier `up`, None where there is none, or another version made them."""
    found = find(kubectl, "secret", "passwords", "--namespace", NAMESPACE)
    if not found or set(found["data"]) != set(PASSWORDS):
        return None
    return {name: base64.b64decode(value).decode() for name, value in found["data"].items()}


def cluster_objects(passwords: dict[str, str]) -> list[Object]:
    """Return the realm, its passwords, and the Secrets by which stack and suites find the provider."""
    realm = {"realm.json": (HERE / "realm.json").read_text(encoding="utf-8")}
    metadata = {"name": "realm", "namespace": NAMESPACE}
    clients = [
        make_secret(
            name,
            STACK_NAMESPACE,
            {
                "OIDC_CLIENT_ID": client,
                "OIDC_CLIENT_SECRET": passwords[password],
                "OIDC_DISCOVERY_URL": f"{SERVICE_URL}{REALM}/.well-known/openid-configuration",
                "OIDC_TOKEN_URL": TOKEN_URL,
                "OIDC_ISSUER": f"{PUBLIC_URL}{REALM}",
                "OIDC_AUDIENCE": AUDIENCE,
            },
        )
        for name, (client, password) in CLIENTS.items()
    ]
    person = {"username": "person", "password": passwords["PERSON_PASSWORD"]}
    return [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": realm},
        make_secret("passwords", NAMESPACE, passwords),
        *clients,
        make_secret(PERSON, STACK_NAMESPACE, person),
    ]


def make_secret(name: str, namespace: str, values: dict[str, str]) -> Object:
    """Return a Secret whose values the suites search for where they must not be."""
    metadata = {"name": name, "namespace": namespace, "labels": {PART_OF: STACK}}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": values}


def down() -> None:
    """Remove what `up` made; the stack's namespace stays. Raises HarnessError when something does not go."""
    kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", limit=ROLLOUT_LIMIT)
    kubectl("delete", "secret", *CLIENTS, PERSON, f"--namespace={STACK_NAMESPACE}", "--ignore-not-found")


def environment() -> dict[str, str]:
    """Return nothing: the suites find the provider by the Secrets."""
    return {}


STAND_IN = StandIn("oidc", up, down, environment)

"""Makes one HTTP request from inside a pod; prints the answer as one line of JSON.

Runs there as `python3 -c`, with the standard library of whichever Python 3 the pod has. The argument is JSON:
`url`, `headers`, `body` (None for GET), `timeout` in seconds, `login`: whether to log in to MLflow with
what the container has in its environment, and `reads_headers`: whether standard input has a line of JSON with
more headers, which no process list shows.
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from typing import Any

LONGEST_BODY = 500  # bytes
TOKEN_LIMIT = 10  # seconds
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def main() -> None:
    """Make the request that the argument describes."""
    asked = json.loads(sys.argv[1])
    if asked["reads_headers"]:
        asked["headers"] |= json.loads(sys.stdin.readline())
    print(json.dumps(request(asked)))


def request(asked: dict[str, Any]) -> dict[str, Any]:
    """Return `status` and `body` of the answer; status 0 where there is none, with the reason as the body."""
    headers = dict(asked["headers"])
    data = None if asked["body"] is None else asked["body"].encode()
    try:
        if asked["login"]:
            headers["Authorization"] = login_of_environment()
        with OPENER.open(
            urllib.request.Request(asked["url"], data, headers),  # noqa: S310 - the suites' own URLs
            timeout=asked["timeout"],
        ) as answer:
            return seen(answer.status, answer)
    except urllib.error.HTTPError as answer:
        return seen(answer.code, answer)
    except (OSError, ValueError, http.client.HTTPException) as error:
        return {"status": 0, "body": str(getattr(error, "reason", error))}


def seen(status: int, answer: Any) -> dict[str, Any]:  # noqa: ANN401 - a response or an error, both readable
    """Return an answer's status and the start of its body."""
    return {"status": status, "body": answer.read(LONGEST_BODY).decode(errors="replace")}


def login_of_environment() -> str:
    """Return the header Authorization for MLflow, of the variables that its client or mlflow-oidc-auth reads.

    Raises ValueError where there are none.
    """
    names = [f"MLFLOW_TRACKING_{name}" for name in ("USERNAME", "PASSWORD")]
    if all(name in os.environ for name in names):
        login = ":".join(os.environ[name] for name in names)
        return f"Basic {base64.b64encode(login.encode()).decode()}"
    if "OIDC_CLIENT_SECRET" in os.environ:
        return f"Bearer {fetch_token(os.environ)}"
    raise ValueError("the container has no login for MLflow in its environment")


def fetch_token(env: Mapping[str, str]) -> str:
    """Return a token for a client of an identity provider: RFC 6749, section 4.4."""
    form = {"client_id": env["OIDC_CLIENT_ID"], "client_secret": env["OIDC_CLIENT_SECRET"]}
    data = urllib.parse.urlencode({"grant_type": "client_credentials", **form}).encode()
    with OPENER.open(env["OIDC_DISCOVERY_URL"], timeout=TOKEN_LIMIT) as discovery:
        url = json.load(discovery)["token_endpoint"]
    with OPENER.open(url, data, timeout=TOKEN_LIMIT) as answer:
        return str(json.load(answer)["access_token"])


if __name__ == "__main__":
    main()

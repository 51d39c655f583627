"""Ask the Kubernetes API from inside a pod: one JSON object out, one HTTP status back."""

import json
import ssl
import time
from http import HTTPStatus
from http.client import HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any

Object = dict[str, Any]

# Where the pod mounts its projected token, the API server's CA and its own namespace.
ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
SERVER = "kubernetes.default.svc"
PATIENCE_SECONDS = 60.0  # a pod may start before its network, the cluster's DNS or the API server answers


def namespace() -> str:
    """Return the namespace this pod runs in."""
    return (ACCOUNT / "namespace").read_text(encoding="utf-8")


def send(method: str, path: str, body: Object, content_type: str = "application/json") -> HTTPStatus:
    """Send an object to the API server and return the answer's status: 200, 201 or 409.

    Asks again, for a minute, while nobody answers or the server says that it is busy. Exits with one
    clear sentence when that does not change, or when the server refuses.
    """
    accepted = (HTTPStatus.OK, HTTPStatus.CREATED, HTTPStatus.CONFLICT)
    return _insist(method, path, json.dumps(body), content_type, accepted)[0]


def find(path: str) -> Object | None:
    """Return the object at a path of the API, None where there is none; as patient as `send`."""
    accepted = (HTTPStatus.OK, HTTPStatus.NOT_FOUND)
    status, answer = _insist("GET", path, None, "application/json", accepted)
    if status is HTTPStatus.NOT_FOUND:
        return None
    found: Object = json.loads(answer)
    return found


def _insist(
    method: str, path: str, body: str | None, content_type: str, accepted: tuple[HTTPStatus, ...]
) -> tuple[HTTPStatus, str]:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            status, answer = _ask(method, path, body, content_type)
        except (OSError, HTTPException) as error:
            again, reason = True, str(error)
        else:
            if status in accepted:
                return status, answer
            again = status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR
            reason = f"HTTP {status}: {_message(answer)}"
        if not again or time.monotonic() > deadline:
            raise SystemExit(f"The Kubernetes API did not accept {method} {path}: {reason}")
        time.sleep(1)


def _ask(method: str, path: str, body: str | None, content_type: str) -> tuple[HTTPStatus, str]:
    """Send one request; return the status and the body of its answer."""
    token = (ACCOUNT / "token").read_text(encoding="utf-8")
    context = ssl.create_default_context(cafile=str(ACCOUNT / "ca.crt"))
    connection = HTTPSConnection(SERVER, timeout=10, context=context)
    try:
        connection.request(
            method, path, body, {"Content-Type": content_type, "Authorization": f"Bearer {token}"}
        )
        answer = connection.getresponse()
        return HTTPStatus(answer.status), answer.read().decode(errors="replace")
    finally:
        connection.close()


def _message(answer: str) -> str:
    """Return the message of the API's Status object, or the start of whatever else came back."""
    try:
        return str(json.loads(answer)["message"])
    except (ValueError, KeyError, TypeError):
        return answer[:200]

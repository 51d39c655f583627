"""The Kubernetes API from inside a pod, with the pod's own token."""

import json
import ssl
import time
from http import HTTPStatus
from http.client import HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any

Object = dict[str, Any]

# The pod mounts here: its projected token, the API server's CA, its namespace.
ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
SERVER = "kubernetes.default.svc"
RETRY_SECONDS = 60.0  # a pod may start before its network, the cluster's DNS or the API server is ready


def namespace() -> str:
    """Return the namespace that this pod runs in."""
    return (ACCOUNT / "namespace").read_text(encoding="utf-8")


def send(method: str, path: str, body: Object, content_type: str = "application/json") -> HTTPStatus:
    """Send an object to the API server and return the answer's status: 200, 201 or 409.

    Retries for a minute while the server does not answer or is busy. Raises SystemExit with one sentence
    after that, and at once when the server rejects the request.
    """
    accepted = (HTTPStatus.OK, HTTPStatus.CREATED, HTTPStatus.CONFLICT)
    return _request(method, path, json.dumps(body), content_type, accepted)[0]


def find(path: str) -> Object | None:
    """Return the object at a path of the API, None where there is none. Retries and raises as `send` does."""
    accepted = (HTTPStatus.OK, HTTPStatus.NOT_FOUND)
    status, answer = _request("GET", path, None, "application/json", accepted)
    if status is HTTPStatus.NOT_FOUND:
        return None
    found: Object = json.loads(answer)
    return found


def _request(
    method: str, path: str, body: str | None, content_type: str, accepted: tuple[HTTPStatus, ...]
) -> tuple[HTTPStatus, str]:
    deadline = time.monotonic() + RETRY_SECONDS
    while True:
        try:
            status, answer = _request_once(method, path, body, content_type)
        except (OSError, HTTPException) as error:
            problem = f"The Kubernetes API does not answer {method} {path}: {error}"
        else:
            if status in accepted:
                return status, answer
            problem = f"The Kubernetes API rejects {method} {path}: HTTP {status}: {_message(answer)}"
            if status != HTTPStatus.TOO_MANY_REQUESTS and status < HTTPStatus.INTERNAL_SERVER_ERROR:
                raise SystemExit(problem)
        if time.monotonic() > deadline:
            raise SystemExit(problem)
        time.sleep(1)


def _request_once(method: str, path: str, body: str | None, content_type: str) -> tuple[HTTPStatus, str]:
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

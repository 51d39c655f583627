"""Ask the Kubernetes API from inside a pod: one JSON object out, one HTTP status back."""

import json
import ssl
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

# Where the pod mounts its projected token, the API server's CA and its own namespace.
ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
SERVER = "https://kubernetes.default.svc"
PATIENCE_SECONDS = 60.0  # a pod may start before its network, the cluster's DNS or the API server answers
UNAVAILABLE = (429, 500, 502, 503, 504)


def namespace() -> str:
    """Return the namespace this pod runs in."""
    return (ACCOUNT / "namespace").read_text(encoding="utf-8")


def send(method: str, path: str, body: dict[str, Any], content_type: str = "application/json") -> int:
    """Send an object to the API server and return the HTTP status of its answer.

    Asks again, for a minute, while nobody answers or the server says that it is busy. Exits with one
    clear sentence when that does not change, or when the server refuses with anything but 409.
    """
    request = urllib.request.Request(SERVER + path, json.dumps(body).encode(), method=method)
    request.add_header("Content-Type", content_type)
    request.add_header("Authorization", f"Bearer {(ACCOUNT / 'token').read_text(encoding='utf-8')}")
    context = ssl.create_default_context(cafile=str(ACCOUNT / "ca.crt"))
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            with urllib.request.urlopen(request, timeout=10, context=context) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            if error.code == 409:
                return error.code
            reason = f"HTTP {error.code}: {_message(error)}"
            if error.code not in UNAVAILABLE:
                raise SystemExit(f"The Kubernetes API refused {method} {path}: {reason}") from None
        except OSError as error:  # URLError, time-outs and TLS failures are all OSErrors
            reason = str(error)
        if time.monotonic() > deadline:
            raise SystemExit(f"The Kubernetes API at {SERVER} did not accept {method} {path}: {reason}")
        time.sleep(1)


def _message(error: urllib.error.HTTPError) -> str:
    """Return the message of the API's Status object, or the start of whatever else came back."""
    text = error.read(10_000).decode(errors="replace")
    try:
        return str(json.loads(text)["message"])
    except (ValueError, KeyError, TypeError):
        return text[:200]

"""Restarts a Deployment when one of its Secrets has changed: `roll_on_rotation.py DEPLOYMENT SECRET ...`.

It runs in each of the Deployment's pods, which set the new password in MLflow as they start. The first one
that sees the change records it in an annotation, so that the others do not restart everything once more.
"""

import hashlib
import signal
import sys
from pathlib import Path

import kube_api

# The pod mounts the Secrets here: a folder for each, a file for each key. When one changes, the kubelet swaps
# ..data.
CREDENTIALS = Path("/credentials/..data")
ANNOTATION = "llm-observability/credentials"
POLL_SECONDS = 5.0


def fingerprint(secrets: list[str]) -> str:
    """Return a hash that differs when a Secret differs. scrypt is slow, so nobody guesses passwords by it."""
    folder = CREDENTIALS.resolve()
    content = [
        f"{file.relative_to(folder)}={file.read_text(encoding='utf-8')}"
        for secret in secrets
        for file in sorted((folder / secret).iterdir())
    ]
    return hashlib.scrypt("\0".join(content).encode(), salt=ANNOTATION.encode(), n=2**14, r=8, p=1).hex()[:32]


def record(deployment: str, credentials: str, *, restart: bool) -> None:
    """Record the fingerprint in the Deployment; with `restart`, also restart its pods if it is a new one."""
    path = f"/apis/apps/v1/namespaces/{kube_api.namespace()}/deployments/{deployment}"
    found = kube_api.find(path)
    if found is None:
        raise SystemExit(f"Deployment {deployment} does not exist: check the container's arguments.")
    if found["metadata"].get("annotations", {}).get(ANNOTATION) == credentials:
        return
    annotations = {"annotations": {ANNOTATION: credentials}}
    change: kube_api.Object = {"metadata": annotations}
    if restart:
        change |= {"spec": {"template": {"metadata": annotations}}}
    kube_api.send("PATCH", path, change, content_type="application/merge-patch+json")
    action = "a Secret has changed, restarting its pods" if restart else "recorded its Secrets"
    print(f"Deployment {deployment}: {action}.", flush=True)


def watch(deployment: str, secrets: list[str]) -> None:
    """Record the Secrets that this pod has started with, then restart at each change until the pod ends."""
    known = fingerprint(secrets)
    record(deployment, known, restart=False)
    while signal.sigtimedwait([signal.SIGTERM], POLL_SECONDS) is None:
        try:
            now = fingerprint(secrets)
        except FileNotFoundError:  # the kubelet swapped them while they were read
            continue
        if now != known:
            record(deployment, now, restart=True)
            known = now


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])  # a restart in progress is finished first
    watch(sys.argv[1], sys.argv[2:])

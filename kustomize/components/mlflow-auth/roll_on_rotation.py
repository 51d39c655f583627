"""Start a Deployment anew when a Secret of it has changed: `roll_on_rotation.py DEPLOYMENT SECRET ...`.

It runs in each of the Deployment's pods, which set the new password in MLflow as they start. The first that
sees the change writes it down in an annotation, so that the others do not start everything anew once more.
"""

import hashlib
import signal
import sys
from pathlib import Path

import kube_api

# Where the pod mounts the Secrets: a folder each, a file a key. The kubelet swaps ..data when one changes.
CREDENTIALS = Path("/credentials/..data")
ANNOTATION = "llm-observability/credentials"
POLL_SECONDS = 5.0


def fingerprint(secrets: list[str]) -> str:
    """Return what tells one state of the Secrets from another, and not by guessing what is in them."""
    folder = CREDENTIALS.resolve()
    content = [
        f"{file.relative_to(folder)}={file.read_text(encoding='utf-8')}"
        for secret in secrets
        for file in sorted((folder / secret).iterdir())
    ]
    return hashlib.scrypt("\0".join(content).encode(), salt=ANNOTATION.encode(), n=2**14, r=8, p=1).hex()[:32]


def settle(deployment: str, credentials: str, *, roll: bool) -> None:
    """Write down what the Deployment's pods start with; with `roll`, start them anew if it was another."""
    path = f"/apis/apps/v1/namespaces/{kube_api.namespace()}/deployments/{deployment}"
    found = kube_api.find(path)
    if found is None:
        raise SystemExit(f"There is no Deployment {deployment}.")
    if found["metadata"].get("annotations", {}).get(ANNOTATION) == credentials:
        return
    annotations = {"annotations": {ANNOTATION: credentials}}
    change = {"metadata": annotations} | ({"spec": {"template": {"metadata": annotations}}} if roll else {})
    kube_api.send("PATCH", path, change, content_type="application/merge-patch+json")
    said = "a Secret has changed, it starts anew" if roll else "its Secrets are known"
    print(f"{deployment}: {said}", flush=True)


def watch(deployment: str, secrets: list[str]) -> None:
    """Note the Secrets that this pod has started with, then roll at each change until the pod ends."""
    known = fingerprint(secrets)
    settle(deployment, known, roll=False)
    while signal.sigtimedwait([signal.SIGTERM], POLL_SECONDS) is None:
        try:
            now = fingerprint(secrets)
        except FileNotFoundError:  # swapped while they were read
            continue
        if now != known:
            settle(deployment, now, roll=True)
            known = now


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])  # it waits while something is rolled
    watch(sys.argv[1], sys.argv[2:])

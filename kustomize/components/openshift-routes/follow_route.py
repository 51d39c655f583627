"""Keeps the host names that routers have admitted for a Route in a file, as long as the pod lives.

Environment: ROUTE, ROUTE_HOST_FILE. The file has the names, separated by commas. It is first written when a
router has admitted the Route. If none has within half a minute, the file is empty, and MLflow works inside
the cluster only. Admitted names stay until others are admitted, so a router that restarts takes none away.
"""

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import kube_api

ADMISSION_SECONDS = 30.0
POLL_SECONDS = 5.0


def admitted_hosts(route: dict[str, Any] | None) -> list[str]:
    """Return the host names for which a router reports Admitted, sorted; none without a Route."""
    entries = (route or {}).get("status", {}).get("ingress") or []
    return sorted(
        {
            entry["host"]
            for entry in entries
            for condition in entry.get("conditions") or []
            if condition["type"] == "Admitted" and condition["status"] == "True" and entry.get("host")
        }
    )


def write(file: Path, text: str) -> None:
    """Replace the file in one step, so that a reader finds the old or the new text, never half of one."""
    unfinished = file.with_suffix(".new")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(file)


def follow(
    read: Callable[[], dict[str, Any] | None], file: Path, clock: Callable[[], float], known: str | None
) -> str | None:
    """Read the Route once and update the file. Return the file's text, None where it is not written yet."""
    hosts = ",".join(admitted_hosts(read()))
    if hosts and hosts != known:
        write(file, hosts)
        print(f"The Route's host is {hosts}.", flush=True)
        return hosts
    if known is None and clock() >= ADMISSION_SECONDS:
        write(file, "")
        print(
            f"No router admitted the Route within {ADMISSION_SECONDS:g} s: MLflow starts without its host.",
            flush=True,
        )
        return ""
    return known


def main() -> None:
    """Follow the Route until the pod ends."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # process 1 ignores SIGTERM without a handler
    route, file = os.environ["ROUTE"], Path(os.environ["ROUTE_HOST_FILE"])
    path = f"/apis/route.openshift.io/v1/namespaces/{kube_api.namespace()}/routes/{route}"
    started = time.monotonic()
    known = file.read_text(encoding="utf-8") if file.exists() else None
    while True:
        known = follow(lambda: kube_api.find(path), file, lambda: time.monotonic() - started, known)
        time.sleep(POLL_SECONDS if known is not None else 1)


if __name__ == "__main__":
    main()

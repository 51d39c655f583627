"""Tries TCP connections from inside a pod, all at once; prints why each failed as one line of JSON.

Runs there as `python3 -c`, with the standard library of whichever Python 3 the pod has. The argument is JSON:
`targets`, a list of host and port (port 0: only look the name up), and `timeout` in seconds.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
import time

GRACE = 0.5  # seconds after the time limit, for threads that are about to end


def main() -> None:
    """Try the targets of the argument."""
    asked = json.loads(sys.argv[1])
    print(json.dumps(connect([tuple(target) for target in asked["targets"]], asked["timeout"])), flush=True)
    # A look-up that hangs cannot be interrupted, and the interpreter would wait for its thread.
    os._exit(0)


def connect(targets: list[tuple[str, int]], limit: float) -> list[str]:
    """Return why each target was not reached within `limit` seconds, empty where it was."""
    reasons = [f"no answer within {limit:g} s"] * len(targets)

    def attempt(index: int, host: str, port: int) -> None:
        try:
            if port:
                socket.create_connection((host, port), limit).close()
            else:
                socket.getaddrinfo(host, None)
        except TimeoutError:
            return
        except OSError as error:
            reasons[index] = error.strerror or str(error)
        else:
            reasons[index] = ""

    threads = [
        threading.Thread(target=attempt, args=(index, *target), daemon=True)
        for index, target in enumerate(targets)
    ]
    for thread in threads:
        thread.start()
    end = time.monotonic() + limit + GRACE
    for thread in threads:
        thread.join(max(0, end - time.monotonic()))
    return list(reasons)


if __name__ == "__main__":
    main()

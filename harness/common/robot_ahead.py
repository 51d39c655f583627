"""Robot Framework, started before its options are known: it has the suites' packages when they come.

    echo '["--outputdir", "results", "robot"]' | python -m harness.common.robot_ahead

The options are a list as JSON in one line of stdin. Without a line it ends, and runs nothing.
Options that come early do not wait for the packages.
"""

from __future__ import annotations

import json
import select
import sys
from contextlib import suppress
from importlib import import_module

from robot.run import run_cli

# What takes most of the start of a short run: packages of others that the libraries import.
PACKAGES = (
    "a2a.client",
    "google.protobuf.json_format",
    "httpx",
    "jsonschema",
    "kubernetes.dynamic",
    "mlflow.tracking",
    "opentelemetry.proto.collector.trace.v1.trace_service_pb2",
    "prometheus_client.parser",
    "RequestsLibrary",
    "selenium.webdriver",
)


def main() -> None:
    """Import the packages, then run Robot Framework with the options that come; it exits with its code."""
    line = ""
    with suppress(KeyboardInterrupt):
        for package in PACKAGES:
            if _has_come():
                break
            import_module(package)
        line = sys.stdin.readline()
    if line:
        run_cli(json.loads(line))


def _has_come() -> bool:
    """Return whether stdin has the line, or has ended."""
    return bool(select.select([sys.stdin], [], [], 0)[0])


if __name__ == "__main__":
    main()

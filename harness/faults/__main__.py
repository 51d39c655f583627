"""Breaks the current context's stack by one fault after the other, and sees whether the right test says so.

    KUBECONFIG=... python -m faults [--catalogue availability] [NAME ...]

For each fault of the catalogue (default: all): change the workload, wait until it is rolled out, run the
suite, change it back. The exit code is 0 when every fault made its test fail with what its message must say.
Robot's results are in results/faults/NAME.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml
from robot.api import ExecutionResult

from harness.faults.catalogue import CATALOGUES, SUITES, Fault, faults

HERE = Path(__file__).parent
RESULTS = HERE.parents[1] / "results" / "faults"
ROLLOUT_LIMIT = "180s"
SETTINGS = HERE.parents[1] / "resources" / "settings.yaml"


class FaultError(Exception):
    """A fault could not be made, or be healed; the message says why."""


def kubectl(*arguments: str) -> str:
    """Return what kubectl prints; raise FaultError where it fails."""
    result = subprocess.run(["kubectl", *arguments], check=False, capture_output=True, text=True)
    if result.returncode:
        raise FaultError(f"kubectl {' '.join(arguments)[:100]} failed: {result.stderr.strip()[:400]}")
    return result.stdout


class Broken:
    """The stack with one fault, for as long as the `with` lasts."""

    def __init__(self, fault: Fault) -> None:
        """Find the workload behind the component's Service."""
        settings = yaml.safe_load(SETTINGS.read_text(encoding="utf-8"))
        place = settings["COMPONENTS"][fault.component]
        namespace = settings[place["namespace"].strip("${}")]
        service = json.loads(kubectl("get", "service", place["service"], "-n", namespace, "-o", "json"))
        labels = ",".join(f"{key}={value}" for key, value in service["spec"]["selector"].items())
        kinds = "deployment,statefulset"
        found = json.loads(kubectl("get", kinds, "-n", namespace, "-l", labels, "-o", "json"))
        if len(found["items"]) != 1:
            raise FaultError(f"{fault.component} is not one {kinds} with the labels {labels}.")
        self._fault, self._namespace = fault, namespace
        self._name = f"{found['items'][0]['kind'].lower()}/{found['items'][0]['metadata']['name']}"
        self._container = found["items"][0]["spec"]["template"]["spec"]["containers"][0]

    def __enter__(self) -> None:
        """Break it and wait until that is rolled out."""
        try:
            self._apply(self._fault.patch(self._container))
        except BaseException:
            self._apply(self._fault.heal(self._container))
            raise

    def __exit__(self, *_: object) -> None:
        """Heal it and wait until that is rolled out."""
        self._apply(self._fault.heal(self._container))

    def _apply(self, patch: list[dict[str, Any]]) -> None:
        place = (self._name, "-n", self._namespace)
        kubectl("patch", *place, "--type=json", "--patch", json.dumps(patch))
        kubectl("rollout", "status", *place, f"--timeout={ROLLOUT_LIMIT}")


def judge(fault: Fault, output: Path) -> tuple[bool, str]:
    """Return whether a run found the fault, and what it said of it."""
    found = [test for test in ExecutionResult(output).suite.all_tests if test.name == fault.test]
    if not found:
        return False, f"there is no test {fault.test!r}"
    message = str(found[0].message)
    if found[0].status != "FAIL":
        return False, f"{fault.test!r} did not fail: {found[0].status} {message}"
    missing = [text for text in fault.says if text not in message]
    if missing:
        return False, f"{fault.test!r} failed and does not say {missing[0]!r}:\n{message}"
    return True, message


def run(fault: Fault) -> bool:
    """Make one fault, run its suite and heal; return whether it was found as it must."""
    print(f"\n{fault.name}: {fault.breaks}", flush=True)
    results = RESULTS / fault.name
    command = [
        sys.executable, "-m", "robot", "--console", "none", "--variablefile", str(HERE / "impatient.yaml"),
        "--outputdir", str(results), *fault.options, str(SUITES / fault.suite),
    ]  # fmt: skip
    with Broken(fault):
        subprocess.run(command, check=False)
    found, said = judge(fault, results / "output.xml")
    print(f"  {'found' if found else 'NOT FOUND'}: {said}", flush=True)
    return found


def main() -> int:
    """Run the faults that are named, by default all; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m faults", description=main.__doc__)
    parser.add_argument("--catalogue", choices=CATALOGUES, default=CATALOGUES[0])
    parser.add_argument("names", nargs="*", metavar="NAME")
    arguments = parser.parse_args()
    known = {fault.name: fault for fault in faults(arguments.catalogue)}
    names = arguments.names or list(known)
    unknown = [name for name in names if name not in known]
    if unknown:
        parser.error(f"no fault is named {unknown[0]!r}; choose from {', '.join(known)}")
    try:
        results = {name: run(known[name]) for name in names}
    except FaultError as error:
        print(error, file=sys.stderr)
        return 1
    missed = [name for name, found in results.items() if not found]
    print(f"\n{len(results) - len(missed)} of {len(results)} faults found as they must be.")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())

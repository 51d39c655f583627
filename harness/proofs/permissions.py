"""Proves that the suites need no more than docs/permissions.yaml: `tox -e permissions`.

It makes the ServiceAccount and its Roles in the current context's cluster and runs `robot robot/` twice: as
the context's user and as the ServiceAccount. It compares the results test by test, and removes what it made.
It does not change the deployed stack. Robot's reports are in results/permissions. With `--administrator` the
first of the two runs is one that was made already, such as that of `tox -e e2e`.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from harness.common.cache import cache_folder
from harness.common.combinations import ROOT
from harness.common.commands import read_output
from harness.common.errors import HarnessError, reports_errors
from harness.common.kubectl_and_helm import find_program
from harness.common.robot_results import first_line, read_suite
from harness.common.suites import SUITES, run_and_read

MANIFEST = ROOT / "docs" / "permissions.yaml"
RESULTS = ROOT / "results" / "permissions"
TOKEN_DURATION = "2h"  # noqa: S105 - how long the ServiceAccount's token is valid
Results = dict[str, tuple[str, str]]  # a test's full name: its status and its message


def kubeconfig_with_token(config: Mapping[str, Any], token: str) -> dict[str, Any]:
    """Return the current context's kubeconfig with another user: the owner of the token."""
    name = config["contexts"][0]["context"]["user"]
    return {**config, "users": [{"name": name, "user": {"token": token}}]}


def results_of(suite: Any) -> Results:  # noqa: ANN401 - it has no types
    """Return what became of each test of a suite."""
    return {test.full_name: (test.status, test.message) for test in suite.all_tests}


def differences(administrator: Results, account: Results) -> list[str]:
    """Return a sentence for each test that ended in another way as the ServiceAccount."""
    found = []
    for name, (status, _) in administrator.items():
        other, message = account.get(name, ("MISSING", ""))
        if other != status:
            first = first_line(message)
            found.append(f"{name}: {status} as administrator, {other} as the ServiceAccount: {first}")
    return found


def run_suites(kubeconfig: Path | None, name: str, options: Sequence[str]) -> Results:
    """Run `robot robot/` with a kubeconfig (None: the current one) and return its results.

    Raises HarnessError when Robot Framework writes no output.
    """
    environment = {"KUBECONFIG": str(kubeconfig)} if kubeconfig else {}
    arguments = ("--name", "LLM Observability", *options, str(SUITES))
    return results_of(run_and_read(RESULTS / name, *arguments, environment=environment))


def results_as_administrator(output: Path | None, options: Sequence[str]) -> Results:
    """Return what the output.xml of an earlier run says; without one run the suites as the context's user.

    Raises HarnessError when there is no such file, and when a test fails: it could fail as the ServiceAccount
    for another reason, unnoticed.
    """
    if output and not output.is_file():
        raise HarnessError(f"There is no {output}: name the output.xml of a run as administrator.")
    results = results_of(read_suite(output)) if output else run_suites(None, "administrator", options)
    failed = [name for name, (status, _) in results.items() if status == "FAIL"]
    if failed or not results:
        raise HarnessError(
            f"{len(failed)} of {len(results)} tests fail as administrator: {', '.join(failed[:3])}. "
            f"Repair the stack, or choose suites; the report is in {output or RESULTS / 'administrator'}."
        )
    return results


def account_of(manifest: str) -> tuple[str, str]:
    """Return namespace and name of the manifest's ServiceAccount."""
    (found,) = (item for item in yaml.safe_load_all(manifest) if item["kind"] == "ServiceAccount")
    return found["metadata"]["namespace"], found["metadata"]["name"]


def run_as_account(kubectl: str, options: Sequence[str]) -> Results:
    """Run the suites as the ServiceAccount, which is there only meanwhile."""
    namespace, name = account_of(MANIFEST.read_text(encoding="utf-8"))
    read_output([kubectl, "apply", "-f", MANIFEST], "the Roles cannot be made")
    try:
        token = read_output(
            [kubectl, "create", "token", name, f"--namespace={namespace}", f"--duration={TOKEN_DURATION}"],
            "the ServiceAccount gets no token",
        )
        view = [kubectl, "config", "view", "--minify", "--flatten", "--output=json"]
        config = kubeconfig_with_token(json.loads(read_output(view, "no kubeconfig")), token.strip())
        with tempfile.TemporaryDirectory() as folder:  # for its owner only
            file = Path(folder) / "kubeconfig"
            file.write_text(json.dumps(config), encoding="utf-8")
            return run_suites(file, "service-account", options)
    finally:
        read_output([kubectl, "delete", "-f", MANIFEST, "--ignore-not-found"], "the Roles cannot be removed")


@reports_errors
def main() -> int:
    """Run the suites as both; return 0 when every test ends in the same way."""
    parser = argparse.ArgumentParser(prog="tox -e permissions --", description=__doc__)
    parser.add_argument(
        "--administrator",
        type=Path,
        metavar="OUTPUT_XML",
        help="the run as administrator, where it was made already on this stack: results/output.xml",
    )
    parser.add_argument("options", nargs="*", metavar="-- OPTION", help="options for robot")
    arguments = parser.parse_args()
    kubectl = find_program("kubectl", cache_folder() / "programs")
    administrator = results_as_administrator(arguments.administrator, arguments.options)
    account = run_as_account(kubectl, arguments.options)
    found = differences(administrator, account)
    for line in found:
        print(line, file=sys.stderr)
    skipped = sum(status == "SKIP" for status, _ in administrator.values())
    print(f"{len(administrator)} tests run as both ({skipped} skipped), {len(found)} with another result")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

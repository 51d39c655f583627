"""MLflow beside an installation, by the commands of docs/kagenti.md, and what must hold then."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

from harness.attach.__main__ import main as attach
from harness.attach.ours import COLLECTOR, MANAGER, is_ours, managers, read_all
from harness.common.combinations import ROOT
from harness.common.errors import HarnessError
from harness.common.kubectl import Object, kubectl
from harness.proofs.kagenti.snapshot import (
    Snapshot,
    find_differences,
    name_of,
    take,
    without_upgrades,
)
from harness.stand_ins.rossoctl.stand_in import Shape

PAGE = ROOT / "docs" / "kagenti.md"
COMMAND = re.compile(r"^    python -m harness\.attach (.*)$", re.MULTILINE)
OUR_ARGUMENT = "--config=/etc/llm-observability/mlflow/mlflow.yaml"
OUR_VARIABLE = "LLM_OBSERVABILITY_EXPERIMENT_ID"
MLFLOW = "llm-observability-mlflow"


def read_commands() -> list[str]:
    """Return the commands of the page in their order: `check`, `apply`, `remove`."""
    return [shlex.split(line)[0] for line in COMMAND.findall(PAGE.read_text(encoding="utf-8"))]


class Attachment:
    """An overlay beside an installation. Each method raises HarnessError when a promise does not hold."""

    def __init__(self, overlay: Path, shape: Shape) -> None:
        """Take the folder of overlays/kagenti, with what is on top of it, and the installation."""
        self._overlay = overlay
        self._shape = shape
        self._before: Snapshot = {}

    def remember(self) -> None:
        """Keep what the installation is like now."""
        self._before = self._take()

    def check(self) -> None:
        """Let `check` look; it must find no conflict, and change nothing."""
        self._run("check")
        self._compare(self._take(), "`check` changed something")

    def apply(self) -> None:
        """Bring MLflow and attach it; a second time must change nothing."""
        self._run("apply")
        first = [self.read("deployment", name)["metadata"]["generation"] for name in (MLFLOW, COLLECTOR)]
        self._run("apply")
        second = [self.read("deployment", name)["metadata"]["generation"] for name in (MLFLOW, COLLECTOR)]
        if first != second:
            raise HarnessError("Applying a second time changes MLflow's Deployment or the collector's.")

    def check_attached(self) -> None:
        """Check that the collector has our fields, and that nothing else of the installation changed."""
        deployment = self.read("deployment", COLLECTOR, "--show-managed-fields")
        container = deployment["spec"]["template"]["spec"]["containers"][0]
        problems = []
        if OUR_ARGUMENT not in container.get("args", []):
            problems.append("it lacks our arguments")
        if [variable["name"] for variable in container.get("env", [])] != [OUR_VARIABLE]:
            problems.append("it lacks our variable, or has others")
        if MANAGER not in managers(deployment):
            problems.append(f"{MANAGER} manages none of its fields")
        if problems:
            raise HarnessError(f"The collector is not attached as it was: {', '.join(problems)}.")

    def check_rest(self) -> None:
        """Check that all objects of the installation but the collector's Deployment are as before."""
        now = self._take()
        kinds = {name.split()[0] for name in now}
        ours = {name_of(thing) for thing in read_all(kinds, self._shape.namespace) if is_ours(thing)}
        collector = f"Deployment {self._shape.namespace}/{COLLECTOR}"
        self._compare(
            {name: thing for name, thing in now.items() if name not in ours},
            "Attaching changed what is not ours",
            collector,
        )

    def remove(self) -> None:
        """Take all of it away again."""
        self._run("remove")

    def check_removed(self) -> None:
        """Check that every object is as it was, and that managed fields of others are too."""
        self._compare(self._take(), "The installation is not as before")

    def check_removed_after_upgrades(self) -> None:
        """Check the same, but what Helm's upgrades themselves write anew."""
        before = without_upgrades(self._before)
        _demand_none(
            find_differences(before, without_upgrades(self._take())), "The installation is not as before"
        )
        if MANAGER in managers(self.read("deployment", COLLECTOR, "--show-managed-fields")):
            raise HarnessError(f"{MANAGER} still manages fields of the collector.")

    def read(self, kind: str, name: str, *options: str) -> Object:
        """Return an object of the installation's namespace."""
        place = ("--namespace", self._shape.namespace)
        found: Object = json.loads(kubectl("get", kind, name, *place, "--output=json", *options))
        return found

    def _run(self, command: str) -> None:
        if command not in read_commands():
            raise HarnessError(f"{PAGE.name} does not name `python -m harness.attach {command}`.")
        if attach([command, "--namespace", self._shape.namespace, "--overlay", str(self._overlay)]):
            raise HarnessError(f"`python -m harness.attach {command}` failed; its message above says why.")

    def _take(self) -> Snapshot:
        return take(self._shape.namespace, self._shape.agents_namespace)

    def _compare(self, now: Snapshot, sentence: str, *ignored: str) -> None:
        _demand_none(find_differences(self._before, now, ignored), sentence)


def _demand_none(differences: list[str], sentence: str) -> None:
    if differences:
        raise HarnessError(f"{sentence}: {'; '.join(differences)}.")

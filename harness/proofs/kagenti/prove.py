"""Proves overlays/kagenti on a cluster: `tox -e kagenti`, or `prove.py` with KUBECONFIG set.

Installs the stand-in for a Kagenti installation, attaches to it, sees a question's trace in both backends,
upgrades the installation with Helm 3 and with Helm 4 and sees it again, detaches, and compares the
collector's spec and config with those of before. Each step prints a line; the first that fails ends it.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from harness.cluster import lifecycle
from harness.cluster.settings import Folders
from harness.common.commands import read_output
from harness.common.errors import HarnessError, report_error
from harness.common.kubectl import kubectl
from harness.stand_ins.kagenti import stand_in
from harness.stand_ins.kagenti.stand_in import AGENTS, PART_OF, SYSTEM, helm, install

ROOT = Path(__file__).parents[3]
OVERLAY = ROOT / "kustomize" / "overlays" / "kagenti"
MANAGER = "llm-observability"
SERVER_SIDE = ("apply", "--server-side", f"--field-manager={MANAGER}", "--kustomize")
CHANGED = ("--set", "collector.config.processors.memory_limiter.limit_mib=900")
OWN_ARGS = ("--set", "collector.args={--feature-gates=-none}")
RESULTS = ROOT / "results" / "kagenti"
QUESTION = "robot/traces/weather_question.robot"
Object = dict[str, Any]


def read(kind: str, name: str) -> Object:
    """Return an object of the installation."""
    found: Object = json.loads(kubectl("get", kind, name, "--namespace", SYSTEM, "--output=json"))
    return found


def collector() -> Object:
    """Return what must be the same after detaching: the collector's spec and its config."""
    return {
        "spec": read("deployment", "otel-collector")["spec"],
        "config": read("configmap", "otel-collector-config")["data"],
        "services": read("service", "otel-collector")["spec"]["ports"],
    }


def managers() -> list[str]:
    """Return who manages fields of the collector's Deployment."""
    shown = ("--namespace", SYSTEM, "--output=json", "--show-managed-fields")
    found = json.loads(kubectl("get", "deployment", "otel-collector", *shown))
    return [entry["manager"] for entry in found["metadata"]["managedFields"]]


def expect(there: bool, otherwise: str) -> None:
    """Raise HarnessError where something is not as it must be."""
    if not there:
        raise HarnessError(otherwise)


def rolled_out(*names: str) -> None:
    """Wait until workloads of the installation's namespace run."""
    for name in names:
        kubectl("rollout", "status", name, "--namespace", SYSTEM, f"--timeout={stand_in.LIMIT}")


def overlay(folder: Path, *components: str) -> str:
    """Return a folder with overlays/kagenti, components on top, and this machine's images."""
    on_top = [
        *components,
        *(["built-images"] if lifecycle.provider(Folders.from_environment()) == "embedded" else []),
    ]
    target = Path(tempfile.mkdtemp(dir=folder))
    up = Path(*[".."] * (len(target.parts) - 1)) / ROOT.relative_to("/") / "kustomize"
    kustomization = {
        "resources": [str(up / "overlays" / "kagenti")],
        "components": [str(up / "components" / name) for name in on_top],
    }
    (target / "kustomization.yaml").write_text(yaml.safe_dump(kustomization), encoding="utf-8")
    return str(target)


def ours(folder: str) -> None:
    """Apply the overlay twice, which changes nothing the second time, and wait until MLflow runs."""
    kubectl(*SERVER_SIDE, folder)
    rolled_out("deployment/mlflow")
    before = read("deployment", "mlflow")["metadata"]["generation"]
    kubectl(*SERVER_SIDE, folder)
    after = read("deployment", "mlflow")["metadata"]["generation"]
    expect(before == after, "applying the overlay a second time changes MLflow's Deployment")


def attach() -> None:
    """Let the collector send to MLflow."""
    kubectl(*SERVER_SIDE, str(OVERLAY / "attach"))
    rolled_out("deployment/otel-collector")


def detach() -> None:
    """Give the collector back."""
    kubectl(*SERVER_SIDE, str(OVERLAY / "detach"))
    rolled_out("deployment/otel-collector")


def attached() -> None:
    """Fail unless the collector has our arguments, and nothing in its config is ours."""
    container = read("deployment", "otel-collector")["spec"]["template"]["spec"]["containers"][0]
    expect("--config=/etc/otelcol-mlflow/mlflow.yaml" in container.get("args", []), "the args are gone")
    expect([e["name"] for e in container.get("env", [])] == ["MLFLOW_EXPERIMENT_ID"], "the variable is gone")
    expect(MANAGER in managers(), f"{MANAGER} manages nothing")
    expect("mlflow" not in json.dumps(read("configmap", "otel-collector-config")["data"]), "config changed")


def traces() -> None:
    """Ask the agent a question and see its trace in MLflow and in Phoenix."""
    command = [sys.executable, "-m", "robot", "--outputdir", str(RESULTS), "--console", "quiet", QUESTION]
    try:
        read_output(command, QUESTION, folder=ROOT)
    except HarnessError:
        raise HarnessError(f"{QUESTION} failed; {RESULTS}/report.html says why") from None


def upgrade(version: int, *options: str) -> Callable[[], None]:
    """Return a step that upgrades the installation."""

    def step() -> None:
        install(version, *options)
        rolled_out("deployment/otel-collector")

    return step


def stops_at_our_args() -> None:
    """Upgrade to a chart with arguments of its own: Helm 4, applying server-side, must stop and say so."""
    try:
        install(4, *OWN_ARGS)
    except HarnessError as stopped:
        said = str(stopped)
        named = MANAGER in said and ".args" in said
        expect(named, f"Helm 4 stopped for another reason: {said}")
        print(f"    {said[said.find('conflict') :][:220]}")
        return
    raise HarnessError("Helm 4 took the args that are ours")


def same_as(before: Object) -> Callable[[], None]:
    """Return a step that compares the collector with what it was."""

    def step() -> None:
        now = collector()
        for part in before:
            expect(now[part] == before[part], f"{part} is now {now[part]}, was {before[part]}")
        expect(MANAGER not in managers(), f"{MANAGER} still manages fields")

    return step


def remove(folder: str) -> Callable[[], None]:
    """Return a step that removes the overlay as docs/kagenti.md says."""

    def step() -> None:
        kubectl("delete", "--kustomize", folder, "--cascade=foreground")
        kubectl("delete", "configmap,secret", "--namespace", SYSTEM, "--selector", PART_OF)
        left = kubectl("get", "all,pvc,cm,secret,httproute", "-n", SYSTEM, "-l", PART_OF, "--output=name")
        expect(not left, f"left behind: {left}")

    return step


def do(what: str, step: Callable[[], None]) -> None:
    """Run one step and print how long it took."""
    started = time.monotonic()
    print(f"{what} ...", flush=True)
    step()
    print(f"    {time.monotonic() - started:.1f} s", flush=True)


def prove(version: int, folder: str, upgrades: list[tuple[str, Callable[[], None]]]) -> None:
    """Attach to an installation that is there, upgrade it and detach."""
    before = collector()
    do("Deploy MLflow beside it", lambda: ours(folder))
    do("Attach", attach)
    do("See a question's trace in both backends", traces)
    for what, step in upgrades:
        do(what, step)
        do("The attachment is still there", attached)
        do("See a question's trace in both backends", traces)
    do(f"Upgrade back with Helm {version}", upgrade(version))
    do("Detach", detach)
    do("Spec and config are as before", same_as(before))


def main() -> int:
    """Prove both ways of Helm; return 1, with one sentence, at the first thing that is not so."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", default=["helm3", "helm4", "shared"], help="helm3, helm4, shared")
    parts = parser.parse_args().parts
    server_side = ("--server-side=true",)
    with tempfile.TemporaryDirectory() as place:
        try:
            do("Install the stand-in with Helm 3", stand_in.up)
            own = overlay(Path(place))
            if "helm3" in parts:
                prove(
                    3,
                    own,
                    [
                        ("Upgrade with Helm 3, another config", upgrade(3, *CHANGED)),
                        ("Upgrade Helm 3's release with Helm 4, the config of before", upgrade(4)),
                    ],
                )
                do("Remove MLflow", remove(own))
            if "helm4" in parts:
                do("Uninstall", lambda: print(helm(3, "uninstall", stand_in.RELEASE, "-n", SYSTEM, "--wait")))
                do("Install the stand-in with Helm 4, server-side", lambda: install(4, *server_side))
                prove(
                    4,
                    own,
                    [
                        ("Upgrade with Helm 4, another config", upgrade(4, *CHANGED)),
                        ("A chart with arguments of its own stops", stops_at_our_args),
                    ],
                )
                do("Remove MLflow", remove(own))
            if "shared" in parts:
                shared = overlay(Path(place), "installation-postgres")
                before = collector()
                do("Deploy MLflow on the installation's PostgreSQL", lambda: ours(shared))
                do("Attach", attach)
                do("See a question's trace in both backends", traces)
                do("Detach", detach)
                do("Spec and config are as before", same_as(before))
                do("Remove MLflow", remove(shared))
            do("Remove the stand-in", stand_in.down)
        except HarnessError as failure:
            report_error(failure)
            return 1
    print(f"All of it is so. (Namespaces {SYSTEM} and {AGENTS} stay.)")
    return 0


if __name__ == "__main__":
    sys.exit(main())

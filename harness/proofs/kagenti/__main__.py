"""Proves overlays/kagenti on stand-ins for an installation. Removes what is deployed.

    python -m harness.proofs.kagenti [PART ...]

Part `second` installs today's chart, which has an MLflow of its own, runs the commands of docs/kagenti.md,
and compares all objects with before. The other parts install the chart of before. A question's trace must
then arrive in both backends, also after upgrades of the installation with Helm 3 and with Helm 4. In the end
the installation must be as it was. The first step that fails ends the proof.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from harness import deployment
from harness.attach.ours import MANAGER, OVERLAY
from harness.cluster import lifecycle
from harness.cluster.settings import Folders
from harness.common.combinations import ROOT, write_kustomization
from harness.common.errors import HarnessError, reports_errors
from harness.common.kubectl import kubectl
from harness.common.progress import Steps, duration, say
from harness.common.suites import run_robot
from harness.images.loading import build_and_load
from harness.proofs.kagenti.attachment import Attachment
from harness.stand_ins.rossoctl import kagenti, stand_in
from harness.stand_ins.rossoctl.stand_in import Shape, helm, install

RESULTS = ROOT / "results" / "kagenti"
QUESTION = ROOT / "robot" / "traces" / "weather_question.robot"
OTHER_CONFIG = ("--set", "collector.config.processors.memory_limiter.limit_mib=900")
OWN_ARGUMENTS = ("--set", "collector.args={--feature-gates=-none}")
PARTS = ("second", "helm3", "helm4", "shared")
BEFORE = kagenti.SHAPE
TODAY = Shape("rossoctl-system", "rossoctl-deps", ("--set", "phoenix.enabled=false"), "team2")
PLACE = ("--namespace", BEFORE.namespace)
DATABASE = "CREATE DATABASE llm_observability OWNER testuser"
Step = tuple[str, Callable[[], object]]


def check_trace() -> None:
    """Ask the agent; raise HarnessError unless the question's trace is whole in MLflow and in Phoenix."""
    settings = ["--variablefile", str(OVERLAY / "settings.yaml")]
    namespaces = (f"SYSTEM_NAMESPACE:{BEFORE.namespace}", f"AGENTS_NAMESPACE:{BEFORE.agents_namespace}")
    places = [option for each in namespaces for option in ("--variable", each)]
    options = [*settings, *places, "--outputdir", str(RESULTS), "--console", "quiet"]
    if run_robot(*options, str(QUESTION)):
        raise HarnessError(f"{QUESTION.name} failed; {RESULTS / 'report.html'} says why.")


def upgrade(version: int, *options: str) -> None:
    """Upgrade the installation with Helm of a major version."""
    install(BEFORE, version, *options)


def check_conflict() -> None:
    """Upgrade to a chart with arguments of its own: Helm 4, applying server-side, must stop and name them."""
    try:
        install(BEFORE, 4, *OWN_ARGUMENTS)
    except HarnessError as stopped:
        if MANAGER not in str(stopped) or ".args" not in str(stopped):
            raise HarnessError(
                f"Helm 4 stopped for another reason than our arguments: {stopped}"
            ) from stopped
        return
    raise HarnessError("Helm 4 took arguments that are ours, without a conflict.")


def write_overlay(name: str, components: list[str]) -> Path:
    """Return a folder of this name with overlays/kagenti and Components on top of it."""
    folders = [deployment.find_folder("components", each) for each in components]
    return write_kustomization(RESULTS / f"overlay-{name}", OVERLAY, folders)


def create_database() -> None:
    """Let the administrator of the installation's PostgreSQL create our database, as the page says."""
    kubectl("exec", *PLACE, "postgres-otel-0", "--", "psql", "-c", DATABASE)


def attach_and_remove(attachment: Attachment, upgrades: list[Step], back: list[Step]) -> list[Step]:
    """Return the steps that attach MLflow, upgrade the installation and take MLflow away again."""
    trace: Step = ("A question's trace is whole in both backends", check_trace)
    attached: Step = ("The collector is still attached", attachment.check_attached)
    return [
        ("Look at all objects", attachment.remember),
        ("Bring MLflow and attach it", attachment.apply),
        attached,
        trace,
        *(step for each in upgrades for step in (each, attached, trace)),
        *back,
        ("Remove what is ours", attachment.remove),
        ("The installation is as before", attachment.check_removed_after_upgrades),
    ]


def steps_beside_an_mlflow(attachment: Attachment) -> list[Step]:
    """Return the steps on an installation with an MLflow of its own: every command of the page."""
    return [
        ("Install today's chart, with its MLflow", partial(stand_in.up, TODAY)),
        ("Look at all objects", attachment.remember),
        ("Check, which changes nothing", attachment.check),
        ("Bring a second MLflow and attach it", attachment.apply),
        ("The collector has our fields", attachment.check_attached),
        ("Nothing else of the installation changed", attachment.check_rest),
        ("Remove what is ours", attachment.remove),
        ("Every object is as before", attachment.check_removed),
        ("Remove again, where nothing of ours is", attachment.remove),
        ("Every object is still as before", attachment.check_removed),
        ("Remove today's chart", partial(stand_in.down, TODAY)),
    ]


def steps_of_parts(provider: str) -> dict[str, list[Step]]:
    """Return the steps of each of PARTS."""
    images = ["images", "built-images"] if provider == "embedded" else []
    overlay = write_overlay("own", images)
    own = Attachment(overlay, BEFORE)
    shared = Attachment(write_overlay("shared", ["installation-postgres", *images]), BEFORE)
    return {
        "second": steps_beside_an_mlflow(Attachment(overlay, TODAY)),
        "helm3": [
            ("Install the chart of before with Helm 3", kagenti.up),
            *attach_and_remove(
                own,
                [
                    ("Upgrade with Helm 3, another config", partial(upgrade, 3, *OTHER_CONFIG)),
                    ("Upgrade Helm 3's release with Helm 4, the config of before", partial(upgrade, 4)),
                ],
                [("Upgrade back with Helm 3", partial(upgrade, 3))],
            ),
        ],
        "helm4": [
            ("Bring up the agent", kagenti.up),
            ("Uninstall", partial(helm, 3, "uninstall", BEFORE.release, *PLACE, "--wait")),
            ("Install with Helm 4, server-side", partial(install, BEFORE, 4, "--server-side=true")),
            *attach_and_remove(
                own,
                [
                    ("Upgrade with Helm 4, another config", partial(upgrade, 4, *OTHER_CONFIG)),
                    ("A chart with arguments of its own stops Helm 4", check_conflict),
                ],
                [("Upgrade back with Helm 4", partial(upgrade, 4))],
            ),
        ],
        "shared": [
            ("Bring up the chart of before", kagenti.up),
            ("Create a database on its PostgreSQL", create_database),
            *attach_and_remove(shared, [], []),
        ],
    }


def prove(chosen: list[str]) -> None:
    """Prove the chosen parts, one step after the other. Raises HarnessError at the first that fails."""
    folders = Folders.from_environment()
    lifecycle.up(folders)
    os.environ.update(lifecycle.environment(folders))
    build_and_load(folders)
    deployment.remove_deployed()
    known = steps_of_parts(lifecycle.provider(folders))
    steps: list[Step] = [
        *(step for part in chosen for step in known[part]),
        ("Remove the chart of before", kagenti.down),
    ]
    progress = Steps(len(steps))
    for name, run in steps:
        with progress.step(name):
            run()


@reports_errors
def main() -> int:
    """Run the proof that the command line chooses; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m harness.proofs.kagenti",
        description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)} (default: all)")
    chosen = parser.parse_args().parts or list(PARTS)
    if unknown := set(chosen) - set(PARTS):
        parser.error(f"no part is named {min(unknown)}; choose from {', '.join(PARTS)}")
    started = time.monotonic()
    prove(chosen)
    say(f"Proven in {duration(time.monotonic() - started)}. The namespaces of the chart of before stay.")
    return 0


if __name__ == "__main__":
    sys.exit(main())

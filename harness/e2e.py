"""What `tox -e e2e` runs: a cluster of its own, the images, an overlay, and the suites that verify it."""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import yaml
from robot.api import ExecutionResult

ROOT = Path(__file__).parents[1]
KUSTOMIZE = ROOT / "kustomize"
RESULTS = ROOT / "results"
ROLLOUT_LIMIT = "300s"
PART_OF = "app.kubernetes.io/part-of=llm-observability"
WORKLOADS = ("StatefulSet", "Deployment")
BROWSER = {"chromium": "chromium", "chromedriver": "chromium-driver"}  # program: Debian's package
SERVER_SIDE = ("kubectl", "apply", "--server-side", "--field-manager=llm-observability")
KUBECTL = (sys.executable, "-m", "harness.cluster", "exec", "--", "kubectl")
RECORD = ("configmap", "e2e-deployed", "--namespace=default")


class StepError(Exception):
    """A step failed; the message, or what the step printed, says why."""


@dataclass(frozen=True)
class Deployment:
    """What is deployed: an overlay with components on top, and the names of all its objects."""

    overlay: str
    components: list[str]
    objects: list[list[str]] = field(default_factory=list)  # [resource, namespace or "", name]

    @property
    def stand_ins(self) -> list[Path]:
        """The programs that play what this place or component finds where it is really used."""
        names = [name.replace("-", "_") for name in (self.overlay, *self.components)]
        programs = [ROOT / "harness" / "stand_ins" / name / "stand_in.py" for name in names]
        return [program for program in programs if program.exists()]

    @property
    def attachment(self) -> Path | None:
        """What the overlay changes of things that are not its own, and that nothing here deletes."""
        folder = KUSTOMIZE / "overlays" / self.overlay / "attach"
        return folder if folder.exists() else None


def run(*module_and_arguments: str, check: bool = True) -> None:
    """Run `python -m ...` in the project's folder; raise StepError when it fails, unless check is off."""
    code = subprocess.run([sys.executable, "-m", *module_and_arguments], cwd=ROOT, check=False).returncode
    if check and code:
        raise StepError(f"`{' '.join(module_and_arguments)}` ended with exit code {code}")


def ask(*module_and_arguments: str, text: str | None = None) -> str:
    """Return what `python -m ...` prints when it is given a text; raise StepError when it fails."""
    command = [sys.executable, "-m", *module_and_arguments]
    result = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True, input=text)
    if result.returncode:
        raise StepError(result.stderr.strip())
    return result.stdout.strip()


def in_cluster(*command: str, check: bool = True) -> None:
    """Run a command that finds the cluster that was made here; raise StepError when it fails."""
    run("harness.cluster", "exec", "--", *command, check=check)


def ask_cluster(*command: str, text: str | None = None) -> str:
    """Return what such a command prints; raise StepError when it fails."""
    return ask("harness.cluster", "exec", "--", *command, text=text)


def install_browser() -> None:
    """Install the browser that the suite of pages needs where Debian's packages can give it.

    Where they cannot, that suite's own message says what to install.
    """
    missing = [package for program, package in BROWSER.items() if not shutil.which(program)]
    if missing and shutil.which("apt-get") and os.geteuid() == 0:
        print(f"Installing {' and '.join(missing)} from Debian's packages ...", flush=True)
        for command in (["update", "-qq"], ["install", "-qq", "--yes", "--no-install-recommends", *missing]):
            subprocess.run(["apt-get", *command], check=False, stdout=subprocess.DEVNULL)


def load_images() -> set[str]:
    """Build and load the images, as `tox -e images` does; return the names of those that were not there."""
    command = [sys.executable, "-m", "harness.images"]
    loaded = set()
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout or ():
            print(line, end="", flush=True)
            if line.startswith("loaded: "):
                loaded.add(line.removeprefix("loaded: ").strip())
    if process.returncode:
        raise StepError(f"the images could not be built and loaded (exit code {process.returncode})")
    return loaded


def folder_of(kind: str, name: str) -> Path:
    """Return the folder of an overlay or a component.

    Raises StepError, with the names that there are, for one that `kustomize/` does not have.
    """
    known = sorted(path.parent.name for path in (KUSTOMIZE / kind).glob("*/kustomization.yaml"))
    if name not in known:
        raise StepError(f"there is no {kind[:-1]} {name!r}; choose from: {', '.join(known)}")
    return KUSTOMIZE / kind / name


def write_overlay(overlay: str, components: list[str], provider: str) -> Path:
    """Return a folder with the overlay, the components on top, and the images that this machine builds."""
    added = [folder_of("components", name) for name in components]
    if added:
        added.append(KUSTOMIZE / "components" / "images")  # for the pods that components bring
    if provider == "embedded" and (added or overlay != "embedded"):
        added.append(KUSTOMIZE / "components" / "built-images")
    base = folder_of("overlays", overlay)
    if not added:
        return base
    folder = RESULTS / "overlay"
    folder.mkdir(parents=True, exist_ok=True)
    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [os.path.relpath(base, folder)],
        "components": [os.path.relpath(path, folder) for path in added],
    }
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
    return folder


def render(folder: Path) -> list[dict[str, Any]]:
    """Return the objects of an overlay. Raises StepError when it does not build."""
    return [thing for thing in yaml.safe_load_all(ask_cluster("kubectl", "kustomize", str(folder))) if thing]


def reference(thing: dict[str, Any]) -> list[str]:
    """Return what `kubectl delete` calls an object: its resource with its group, its namespace, its name."""
    group, _, version = thing["apiVersion"].rpartition("/")
    resource = f"{thing['kind']}.{version}.{group}" if group else thing["kind"]
    return [resource, thing["metadata"].get("namespace", ""), thing["metadata"]["name"]]


def deployed_before() -> Deployment | None:
    """Return what an earlier run deployed into this cluster, None when there was none."""
    found = ask_cluster("kubectl", "get", *RECORD, "--ignore-not-found", "--output=json")
    return Deployment(**json.loads(json.loads(found)["data"]["deployed"])) if found else None


def record(deployment: Deployment) -> None:
    """Keep in the cluster what is deployed."""
    kind, name, namespace = RECORD
    literal = f"--from-literal=deployed={json.dumps(asdict(deployment))}"
    manifest = ask_cluster(
        "kubectl", "create", kind, name, namespace, literal, "--dry-run=client", "-o", "yaml"
    )
    ask_cluster("kubectl", "apply", "--server-side", "--filename=-", text=manifest)


def remove(objects: list[list[str]]) -> None:
    """Delete objects that an earlier run made, those of namespaces that go too left to their namespace.

    Users go before what they use: a claim, for one, stays as long as a pod mounts it.
    """
    gone = {name for resource, _, name in objects if resource == "Namespace"}
    for resource, namespace, name in reversed(objects):
        if namespace not in gone:
            place = [f"--namespace={namespace}"] if namespace else []
            in_cluster("kubectl", "delete", resource, name, *place, "--ignore-not-found", "--wait")


def stand_in(program: Path, command: str) -> dict[str, str]:
    """Let a stand-in come `up` or go `down`; return, for `env`, the variables by which suites find it."""
    if command != "env":
        in_cluster(sys.executable, str(program), command)
        return {}
    lines = ask_cluster(sys.executable, str(program), command).splitlines()
    return dict(line.split("=", 1) for line in lines if line)


def deploy(wanted: Deployment, folder: Path) -> Deployment:
    """Bring the cluster from what an earlier run left to what is wanted.

    Another overlay makes way first; of other components, what is left over is removed afterwards.
    """
    before = deployed_before()
    if before and before.overlay != wanted.overlay:
        print(f"Removing overlay {before.overlay} of an earlier run ...", flush=True)
        remove(before.objects)
        run("harness.cluster", "up")  # its Gateway may have stood in a namespace that went
        before = Deployment(before.overlay, before.components)
    for program in (before or wanted).stand_ins:
        if program not in wanted.stand_ins:
            stand_in(program, "down")
    for program in wanted.stand_ins:
        stand_in(program, "up")
    things = render(folder)
    now = Deployment(wanted.overlay, wanted.components, [reference(thing) for thing in things])
    kept = before.objects if before else []
    record(
        Deployment(now.overlay, now.components, [*now.objects, *(o for o in kept if o not in now.objects)])
    )
    in_cluster("kubectl", "apply", "--kustomize", str(folder))
    if now.attachment:
        in_cluster(*SERVER_SIDE, "--kustomize", str(now.attachment))
    remove([thing for thing in kept if thing not in now.objects])
    record(now)
    return now


def changed_by_a_second_apply(folder: Path) -> str:
    """Return a sentence that names what applying the overlay again would change, empty for nothing.

    The API server is asked, and changes nothing (a dry run). What `apply` itself prints would not do: it
    says "configured" of a budget each time and changes nothing of it.
    """
    command = [*KUBECTL, "diff", "--kustomize", str(folder)]
    result = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    changed = re.findall(r"^diff .*/(\S+)$", result.stdout, re.MULTILINE)
    # 1 says that there are differences, and also that there is no cluster to ask.
    if result.returncode > 1 or (result.returncode and not changed):
        raise StepError(result.stderr.strip())
    return f"a second `kubectl apply -k` would change {', '.join(changed)}" if changed else ""


def restart_users_of(images: set[str]) -> None:
    """Roll every workload that runs one of these images: same tag, new content, so `apply` would not."""
    kinds = ",".join(WORKLOADS)
    listing = ask_cluster("kubectl", "get", kinds, "-A", "-l", PART_OF, "-o", "json") if images else "{}"
    for workload in json.loads(listing).get("items", []):
        pod = workload["spec"]["template"]["spec"]
        if images & {container["image"] for container in pod["containers"] + pod.get("initContainers", [])}:
            kind, metadata = workload["kind"].lower(), workload["metadata"]
            in_cluster(
                "kubectl", "rollout", "restart", f"{kind}/{metadata['name']}", "-n", metadata["namespace"]
            )


def wait_for_rollouts(deployment: Deployment) -> None:
    """Wait until every workload is rolled out, or the limit is over: the suites then say what is wrong."""
    attached = render(deployment.attachment) if deployment.attachment else []
    for resource, namespace, name in [*deployment.objects, *map(reference, attached)]:
        kind = resource.partition(".")[0]
        if kind in WORKLOADS:
            place, limit = f"--namespace={namespace}", f"--timeout={ROLLOUT_LIMIT}"
            in_cluster("kubectl", "rollout", "status", f"{kind.lower()}/{name}", place, limit, check=False)


def verify(deployment: Deployment, options: list[str]) -> tuple[int, int, int]:
    """Run every suite against the cluster and return how many tests passed, failed and were skipped."""
    for program in deployment.stand_ins:
        os.environ |= stand_in(program, "env")
    robot = [sys.executable, "-m", "robot", "--outputdir", str(RESULTS), *options, "robot/"]
    in_cluster(*robot, check=False)
    output = RESULTS / "output.xml"
    if not output.exists():
        raise StepError("Robot Framework wrote no results/output.xml; its message above says why")
    total = ExecutionResult(output).statistics.total
    return total.passed, total.failed, total.skipped


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="tox -e e2e --", description=__doc__)
    parser.add_argument("--overlay", help="a folder of kustomize/overlays (default: this cluster's own)")
    parser.add_argument(
        "--component",
        action="append",
        default=[],
        dest="components",
        help="a folder of kustomize/components to put on top; may be given several times",
    )
    parser.add_argument(
        "robot_options",
        nargs="*",
        metavar="-- OPTION",
        help="options for robot: -- --variable DISRUPTIVE:yes",
    )
    return parser.parse_args()


def main() -> int:
    """Take the cluster from nothing to a verified stack; return 0 only when every test passed.

    And only when applying the overlay a second time would change nothing, and no report tells a password.
    """
    arguments = parse_arguments()
    started = time.monotonic()
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "output.xml").unlink(missing_ok=True)
    try:
        provider = ask("harness.cluster", "provider")
        wanted = Deployment(arguments.overlay or provider, arguments.components)
        folder = write_overlay(wanted.overlay, wanted.components, provider)
        run("harness.cluster", "up")
        install_browser()
        restart_users_of(load_images())
        deployment = deploy(wanted, folder)
        wait_for_rollouts(deployment)
        unstable = changed_by_a_second_apply(folder)
        deployed = time.monotonic()
        passed, failed, skipped = verify(deployment, arguments.robot_options)
    except StepError as failure:
        print(f"e2e: {failure}", file=sys.stderr)
        return 1
    finished = time.monotonic()
    print(f"\nReport: {RESULTS / 'report.html'}")
    print(f"Deployed in {deployed - started:.0f} s, verified in {finished - deployed:.0f} s.")
    print("The cluster stays up for the next run; remove it with: tox -e cluster -- down")
    if unstable:
        print(f"e2e: {unstable}", file=sys.stderr)
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 0 if passed and not failed and not unstable else 1


if __name__ == "__main__":
    sys.exit(main())

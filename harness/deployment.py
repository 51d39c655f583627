"""What is deployed into the current context's cluster, an overlay with Components on top, and how it changes.

A ConfigMap of the cluster records it, so that the next deployment knows what must go.
"""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from harness.cluster import lifecycle
from harness.cluster.settings import Folders
from harness.common.combinations import (
    KUSTOMIZE,
    component_table,
    for_every_pod,
    in_order,
    write_kustomization,
)
from harness.common.commands import OUTPUT_LIMIT
from harness.common.errors import HarnessError
from harness.common.json_files import OTHER_FORM
from harness.common.kubectl import (
    Object,
    find,
    kubectl,
    resource_of,
    wait_until_namespaces_are_gone,
    wait_until_rolled_out,
)
from harness.common.manifests import STACK_SELECTOR, WORKLOADS
from harness.common.progress import duration, say
from harness.common.yaml_loader import load_objects
from harness.stand_ins import INSTALLATIONS, stand_ins_for
from harness.stand_ins.stand_in import StandIn

ROLLOUT_LIMIT = 600.0  # seconds for all workloads together; kind pulls their images meanwhile
MANAGER = "--field-manager=llm-observability"
# A setting of the suites: the Services whose namespace it names (overlays/kagenti names MLflow otherwise).
NAMESPACE_SETTINGS = {
    "SYSTEM_NAMESPACE": ("mlflow", "llm-observability-mlflow"),
    "AGENTS_NAMESPACE": ("weather-service",),
}
RECORD = ("configmap", "e2e-deployed", "--namespace=default")


@dataclass(frozen=True)
class Deployment:
    """What is deployed: an overlay with Components on top, and the names of all its objects."""

    overlay: str
    components: list[str]
    objects: list[list[str]] = field(default_factory=list)  # [resource, namespace or "", name]

    @property
    def title(self) -> str:
        """The overlay and its Components, as a person reads them: `kind + mlflow-auth`."""
        return " + ".join([self.overlay, *self.components])

    @property
    def stand_ins(self) -> list[StandIn]:
        """What plays what this overlay, or a Component, finds where it is really used."""
        return stand_ins_for(self.overlay, self.components)

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which the suites find its stand-ins.

        Raises HarnessError when one of them is not up.
        """
        return {key: value for each in self.stand_ins for key, value in each.environment().items()}

    @property
    def namespaces(self) -> dict[str, str]:
        """The settings that name its namespaces, for a cluster that has another installation too.

        Where several tenants have the agent's Service, it is the first one's by its namespace's name.
        """
        found = {
            name: namespace
            for resource, namespace, name in sorted(self.objects, reverse=True)
            if resource == "Service"
        }
        return {
            setting: found[service]
            for setting, services in NAMESPACE_SETTINGS.items()
            for service in services
            if service in found
        }

    @property
    def robot_options(self) -> list[str]:
        """What lets the suites verify this deployment."""
        options = ["--variablefile", str(self.settings)] if self.settings else []
        for setting, namespace in self.namespaces.items():
            options += ["--variable", f"{setting}:{namespace}"]
        return options

    @property
    def attachment(self) -> Path | None:
        """What the overlay changes of things that are not its own, and that nothing here deletes."""
        folder = KUSTOMIZE / "overlays" / self.overlay / "attach"
        return folder if folder.exists() else None

    @property
    def settings(self) -> Path | None:
        """The Robot variable file of an overlay, where its Services have other names than the settings."""
        path = KUSTOMIZE / "overlays" / self.overlay / "settings.yaml"
        return path if path.exists() else None


def find_folder(kind: str, name: str) -> Path:
    """Return the folder of one of the `overlays` or `components`.

    Raises HarnessError, with the names that there are, for one that `kustomize/` does not have.
    """
    known = sorted(path.parent.name for path in (KUSTOMIZE / kind).glob("*/kustomization.yaml"))
    if name not in known:
        names = [*known, *INSTALLATIONS] if kind == "overlays" else known
        raise HarnessError(f"There is no {kind[:-1]} {name!r}; choose from: {', '.join(names)}.")
    return KUSTOMIZE / kind / name


def write_overlay(folder: Path, overlay: str, components: Iterable[str], provider: str) -> Path | None:
    """Return a folder with an overlay, Components on top, and the images that this machine builds.

    It is the overlay's own where nothing comes on top, else `folder`, which is written; None for an
    installation, of which nothing is ours. `provider` is what makes the cluster, `kind` or `embedded`.
    Components come in the order of docs/components.md. Raises HarnessError for an overlay or a Component that
    there is not.
    """
    if overlay in INSTALLATIONS:
        if list(components):
            raise HarnessError(f"Nothing of ours is deployed for {overlay}, so no Component goes on top.")
        return None
    added = {name for name in components if find_folder("components", name)}
    base = find_folder("overlays", overlay)
    if added:
        added |= for_every_pod(base)
    if provider == "kind" and "mlflow-oidc" in added:
        raise HarnessError(
            "mlflow-oidc needs an MLflow with the plugin mlflow-oidc-auth. kind runs the official one "
            "without it: use the embedded cluster, or an overlay of your own that names your image."
        )
    if provider == "embedded" and (added or overlay != "embedded"):
        added.add("built-images")
    if not added:
        return base
    folders = [KUSTOMIZE / "components" / name for name in in_order(added, component_table())]
    return write_kustomization(folder, base, folders)


def find_deployed() -> Deployment | None:
    """Return what an earlier run deployed into this cluster, None when there was none.

    Raises HarnessError where that was an overlay or a Component that this version does not know.
    """
    found = find(kubectl, *RECORD)
    if not found:
        return None
    what = "something"
    try:
        deployed = Deployment(**json.loads(found["data"]["deployed"]))
        what = ", ".join([deployed.overlay, *deployed.components])
        stand_ins_for(deployed.overlay, deployed.components)
    except (HarnessError, *OTHER_FORM) as unknown:
        raise HarnessError(
            f"Another version deployed {what} here: start anew with `tox -e cluster -- down`."
        ) from unknown
    return deployed


def deploy(wanted: Deployment, folder: Path | None) -> Deployment:
    """Bring the cluster from what an earlier run left to what is wanted, and return it with its objects.

    Another overlay goes first, as a whole. Of other Components on top of the same, what is left over goes
    afterwards. Without a folder only the stand-ins come.
    Raises HarnessError when something does not go or come.
    """
    before = find_deployed()
    if before and before.overlay != wanted.overlay:
        remove_deployed()
        before = None
    for stand_in in before.stand_ins if before else []:
        if stand_in not in wanted.stand_ins:
            stand_in.down()
    kept = before.objects if before else []
    _record(replace(wanted, objects=kept))  # a run that is interrupted now leaves the stand-ins, or a part
    for stand_in in wanted.stand_ins:
        say(f"Bringing up the stand-in {stand_in.name} ...")
        stand_in.up()
    things = _render(folder) if folder else []
    now = replace(wanted, objects=[_reference(thing) for thing in things])
    left_over = [thing for thing in kept if thing not in now.objects]
    _record(Deployment(now.overlay, now.components, [*now.objects, *left_over]))
    wait_until_namespaces_are_gone(kubectl, *(name for kind, _, name in now.objects if kind == "Namespace"))
    if folder:
        kubectl("apply", "--kustomize", str(folder))
    if now.attachment:
        kubectl("apply", "--server-side", MANAGER, "--kustomize", str(now.attachment))
    _delete(left_over)
    _record(now)
    return now


def remove_deployed() -> None:
    """Remove what an earlier run deployed, databases and all, and its stand-ins; the Gateway comes back.

    When it was interrupted it can be run again. Raises HarnessError when something does not go.
    """
    deployed = find_deployed()
    if not deployed:
        return
    say(f"Removing overlay {deployed.overlay} of an earlier run ...")
    _delete(deployed.objects)
    # Without its stand-ins the cluster may not know the kinds of these objects any more.
    _record(Deployment(deployed.overlay, deployed.components))
    lifecycle.up(Folders.from_environment())  # its Gateway may have stood in a namespace that went
    for stand_in in deployed.stand_ins:
        stand_in.down()
    kubectl("delete", *RECORD)


def wait_for_rollouts(deployment: Deployment) -> None:
    """Wait until every workload is rolled out, or the limit is over: the suites then say what is wrong."""
    attached = map(_reference, _render(deployment.attachment)) if deployment.attachment else []
    deadline = time.monotonic() + ROLLOUT_LIMIT
    for resource, namespace, name in [*deployment.objects, *attached]:
        kind = resource.partition(".")[0]
        if kind in WORKLOADS:
            limit = max(deadline - time.monotonic(), 1)
            place = (f"{kind.lower()}/{name}", f"--namespace={namespace}")
            try:
                wait_until_rolled_out(kubectl, *place, limit=limit)
            except HarnessError as late:
                say(f"{namespace}/{name} is not rolled out: {late}")


def restart_users_of(images: set[str]) -> None:
    """Roll every workload that runs one of these images: same tag, new content, so `apply` would not."""
    if not images:
        return
    kinds = ("get", ",".join(WORKLOADS), "--all-namespaces", "--selector", STACK_SELECTOR, "--output=json")
    for workload in json.loads(kubectl(*kinds))["items"]:
        pod = workload["spec"]["template"]["spec"]
        if images & {container["image"] for container in pod["containers"] + pod.get("initContainers", [])}:
            kind, metadata = workload["kind"].lower(), workload["metadata"]
            place = (f"{kind}/{metadata['name']}", "--namespace", metadata["namespace"])
            kubectl("rollout", "restart", *place)


def find_changes_of_a_second_apply(folder: Path) -> list[str]:
    """Return the objects that applying an overlay again would change, such as `v1.Service.team1.model`.

    The API server is asked, and changes nothing (a dry run). What `apply` itself prints would not do: it
    says "configured" of a budget each time and changes nothing of it.
    Raises HarnessError when the API server cannot be asked.
    """
    command = ["kubectl", "diff", "--kustomize", str(folder)]
    try:
        result = subprocess.run(command, check=False, capture_output=True, text=True, timeout=OUTPUT_LIMIT)
    except subprocess.TimeoutExpired as late:
        raise HarnessError(f"`kubectl diff` took longer than {duration(OUTPUT_LIMIT)}.") from late
    changed = re.findall(r"^diff .*/(\S+)$", result.stdout, re.MULTILINE)
    # 1 says that there are differences, and also that there is no cluster to ask.
    if result.returncode > 1 or (result.returncode and not changed):
        raise HarnessError(f"`kubectl diff` failed: {result.stderr.strip()}")
    return changed


def _render(folder: Path) -> list[Object]:
    return load_objects(kubectl("kustomize", str(folder)))


def _reference(thing: Object) -> list[str]:
    """Return what `kubectl delete` calls an object: its resource with its group, its namespace, its name."""
    return [resource_of(thing), thing["metadata"].get("namespace", ""), thing["metadata"]["name"]]


def _record(deployment: Deployment) -> None:
    kind, name, namespace = RECORD
    literal = f"--from-literal=deployed={json.dumps(asdict(deployment))}"
    manifest = kubectl("create", kind, name, namespace, literal, "--dry-run=client", "--output=yaml")
    kubectl("apply", "--server-side", "--filename=-", text=manifest)


def _delete(objects: list[list[str]]) -> None:
    """Delete objects, but those of namespaces that go too are left to their namespace.

    Users go before what they use: a claim, for one, stays as long as a pod mounts it.
    """
    gone = {name for resource, _, name in objects if resource == "Namespace"}
    for resource, namespace, name in reversed(objects):
        if namespace not in gone:
            place = [f"--namespace={namespace}"] if namespace else []
            kubectl("delete", resource, name, *place, "--ignore-not-found", "--wait")

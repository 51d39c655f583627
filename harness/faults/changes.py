"""Makes the changes of a fault by kubectl; before each of them it writes down how that one is healed."""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from harness.common.errors import HarnessError, uninterrupted
from harness.common.kubectl import Object, current_context, kubectl
from harness.common.progress import say
from harness.faults.catalogue import Change, Fault
from harness.faults.reference import Reference
from harness.faults.stack import Stack

# What the API server writes into an object, which nobody can give back to it.
OF_SERVER = ("creationTimestamp", "generation", "managedFields", "resourceVersion", "uid")
# What the API server answers where nothing is left to heal: a run that was then killed has created the object
# again, or the stack was removed meanwhile.
HEALED = ("AlreadyExists", "NotFound")


class HealingError(HarnessError):
    """A fault stays in the stack: no other one can be judged before it is healed."""


@dataclass(frozen=True)
class Step:
    """One change: what kubectl gets to make it, and to heal it.

    `kept` is the object as it was, None where there was none. `heal` has the place of its file as {kept}.
    `workload` is what rolls out by the change.
    """

    make: tuple[str, ...]
    heal: tuple[str, ...]
    text: str = ""
    kept: Object | None = None
    workload: Reference | None = None


class Journal:
    """How what was changed is healed, in a file: a run that is killed leaves it to the next one.

    The objects as they were stand beside it, readable for their owner alone, until they are healed.
    """

    def __init__(self, folder: Path) -> None:
        """Take up what an earlier run left in the folder."""
        self._file = folder / "unhealed.json"
        self._folder = folder / "unhealed"
        self._entries: list[list[str]] = []
        self._context = current_context()
        if self._file.is_file():
            left = json.loads(self._file.read_text(encoding="utf-8"))
            if left["context"] == self._context:
                self._entries = left["commands"]

    @property
    def commands(self) -> list[str]:
        """The command lines that heal what is not healed yet, the latest change first."""
        return [shlex.join(["kubectl", *entry]) for entry in reversed(self._entries)]

    def add(self, step: Step) -> None:
        """Write down how a change is healed."""
        kept = self._folder / f"{len(self._entries) + 1}.json"
        if step.kept is not None:
            self._folder.mkdir(parents=True, exist_ok=True)
            kept.touch(mode=0o600)
            kept.write_text(json.dumps(clean(step.kept)), encoding="utf-8")
        self._entries.append([argument.replace("{kept}", str(kept)) for argument in step.heal])
        self._write()

    def heal(self) -> None:
        """Heal everything, the latest change first, whatever fails of it.

        Raises HealingError with the commands that are left.
        """
        failures: list[str] = []
        left: list[list[str]] = []
        for entry in reversed(self._entries):
            try:
                kubectl(*entry)
            except HarnessError as error:
                if not any(answer in str(error) for answer in HEALED):
                    failures.append(str(error))
                    left.insert(0, entry)
        self._entries = left
        self._write()
        if left:
            raise HealingError(
                f"Not healed ({'; '.join(failures)}). Heal it with:\n" + "\n".join(self.commands)
            )

    def _write(self) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        if self._entries:
            content = {"context": self._context, "commands": self._entries}
            self._file.write_text(json.dumps(content, indent=2), encoding="utf-8")
            return
        self._file.unlink(missing_ok=True)
        if self._folder.is_dir():
            shutil.rmtree(self._folder)


def plan(change: Change, stack: Stack, *, ends_at_once: bool = False) -> Step:
    """Return how a change of the catalogue (`change` in schema.json) is made and healed in this stack.

    `ends_at_once` lets the pods that it makes end without waiting for requests that may still come.
    Raises HarnessError where it does not fit what is deployed.
    """
    text = json.dumps(change)
    for name, namespace in stack.namespaces.items():
        text = text.replace(f"${{{name.upper()}_NAMESPACE}}", namespace)
    change = json.loads(text)
    if "configure" in change:
        return _configure(change, stack, ends_at_once)
    if "create" in change:
        return _create(change["create"], stack)
    if "exec" in change:
        return _execute(change, stack)
    reference = stack.resolve(change.get("patch") or change["delete"])
    before = stack.read(reference)
    if "delete" in change:
        return Step(("delete", *reference.arguments), ("create", "--filename={kept}"), kept=before)
    patch = change.get("with") or _into_first_container(before, change["container"], ends_at_once)
    return _patch(reference, before, patch)


def clean(thing: Object) -> Object:
    """Return an object as one gives it to the API server: without its status and what the server wrote."""
    metadata = {key: value for key, value in thing["metadata"].items() if key not in OF_SERVER}
    return {key: value for key, value in thing.items() if key != "status"} | {"metadata": metadata}


@contextmanager
def broken(fault: Fault, stack: Stack, folder: Path) -> Iterator[None]:
    """Keep a fault in the stack while the `with` lasts, and heal it.

    What the healing rolls out may go on afterwards, as `stack.healing` says: the next fault waits for it, or
    rolls out with it.
    Raises HarnessError when the fault cannot be made, and HealingError when one is not healed.
    """
    if not _rolls_out_with_healing(fault, stack):
        wait_until_healed(stack)
    journal = Journal(folder)
    steps: list[Step] = []
    may_go_on = False
    try:
        if fault.disruptive:
            _keep_scale(stack, journal)
        for change in fault.changes:
            if "exec" in change:
                _wait_until_made(fault, steps, stack)  # a command runs in what the earlier changes made
            step = plan(change, stack, ends_at_once=not fault.disruptive)
            journal.add(step)
            steps.append(step)
            kubectl(*step.make, text=step.text)
        _wait_until_made(fault, steps, stack)
        yield
        # Spans that still wait would be counted with those of the next question.
        may_go_on = not fault.disruptive and stack.has_sent_everything()
    finally:
        with uninterrupted():
            journal.heal()
        stack.healing = [step.workload for step in steps]
        if not may_go_on or None in stack.healing:
            wait_until_healed(stack)


def wait_until_healed(stack: Stack) -> None:
    """Wait until all is well, where a healing may still go on. Raises HealingError when it is not."""
    if not stack.healing:
        return
    stack.healing = []
    try:
        stack.wait_until_well()
    except HarnessError as error:
        raise HealingError(f"Every change is healed, but the stack is not well: {error}") from error


def _rolls_out_with_healing(fault: Fault, stack: Stack) -> bool:
    """Return whether a fault replaces all pods that a healing before it still makes, and is made by that."""
    runs_commands = any("exec" in change for change in fault.changes)
    changed = [stack.workload_of(component) for component in fault.workloads]
    return fault.rolls_out and not runs_commands and all(each in changed for each in stack.healing)


def heal_what_was_left(folder: Path) -> None:
    """Heal what a run that was killed left in the stack. Raises HealingError where that fails."""
    journal = Journal(folder)
    if journal.commands:
        say("An earlier run was killed; healing what it left in the stack ...")
        with uninterrupted():
            journal.heal()


def _keep_scale(stack: Stack, journal: Journal) -> None:
    """Let the scale of every component be healed: a disruptive test that is ended may leave one at 0."""
    for component in stack.components:
        workload = stack.workload_of(component)
        replicas = stack.read(workload)["spec"].get("replicas", 1)
        journal.add(Step((), ("scale", *workload.arguments, f"--replicas={replicas}")))


def _wait_until_made(fault: Fault, steps: Sequence[Step], stack: Stack) -> None:
    changed = [step.workload for step in steps if step.workload]
    if fault.rolls_out:
        stack.wait_until_settled([each for each in stack.components if stack.workload_of(each) in changed])
    else:
        for workload in changed:
            stack.wait_until_seen(workload)


def _patch(reference: Reference, before: Object, patch: Object) -> Step:
    """Only a workload's lists are merged by name: those of custom resources can only be replaced."""
    is_workload = before["apiVersion"].startswith("apps/")
    kind = "strategic" if is_workload else "merge"
    return Step(
        ("patch", *reference.arguments, f"--type={kind}", f"--patch={json.dumps(patch)}"),
        ("replace", "--filename={kept}"),
        kept=before,
        workload=reference if is_workload else None,
    )


def _into_first_container(workload: Object, container: Object, ends_at_once: bool) -> Object:
    first = _first_container(workload)
    sleeps = "sleep" in first.get("lifecycle", {}).get("preStop", {})
    hooks = {"lifecycle": {"preStop": None}} if ends_at_once and sleeps else {}
    containers = [{"name": first["name"], **hooks, **container}]
    return {"spec": {"template": {"spec": {"containers": containers}}}}


def _first_container(workload: Object) -> Object:
    found: Object = workload["spec"]["template"]["spec"]["containers"][0]
    return found


def _configure(change: Change, stack: Stack, ends_at_once: bool) -> Step:
    reference = stack.workload_of("otel-collector")
    before = stack.read(reference)
    container = _first_container(before)
    key = "args" if "args" in container else "command"
    if key not in container:
        raise HarnessError(f"{reference} has its command line in its image")
    option = f"--config=yaml:{json.dumps(change['configure'])}"
    patch = _into_first_container(before, {key: [*container[key], option]}, ends_at_once)
    return _patch(reference, before, patch)


def _create(thing: Object, stack: Stack) -> Step:
    metadata = thing["metadata"]
    namespace = stack.namespaces.get(metadata["namespace"], metadata["namespace"])
    made = thing | {"metadata": metadata | {"namespace": namespace}}
    group = thing["apiVersion"].rpartition("/")[0]
    kind = f"{thing['kind'].lower()}.{group}" if group else thing["kind"].lower()
    reference = Reference(kind, metadata["name"], namespace)
    if stack.find(reference):
        raise HarnessError(f"There is already {reference}.")
    return Step(
        ("create", "--filename=-"), ("delete", *reference.arguments, "--ignore-not-found"), json.dumps(made)
    )


def _execute(change: Change, stack: Stack) -> Step:
    reference = stack.workload_of(change["exec"])
    container = _first_container(stack.read(reference))["name"]
    place = (
        "exec", f"{reference.kind}/{reference.name}", f"--namespace={reference.namespace}",
        f"--container={container}", "--",
    )  # fmt: skip
    return Step((*place, *change["command"]), (*place, *change["undo"]))

"""Makes the changes of a fault by kubectl; before each of them it writes down how that one is healed."""

from __future__ import annotations

import json
import shlex
import shutil
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from harness.common.errors import HarnessError
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


def plan(change: Change, stack: Stack) -> Step:
    """Return how a change of the catalogue (`change` in schema.json) is made and healed in this stack.

    Raises HarnessError where it does not fit what is deployed.
    """
    text = json.dumps(change)
    for name, namespace in stack.namespaces.items():
        text = text.replace(f"${{{name.upper()}_NAMESPACE}}", namespace)
    change = json.loads(text)
    if "configure" in change:
        return _configure(change, stack)
    if "create" in change:
        return _create(change["create"], stack)
    if "exec" in change:
        return _execute(change, stack)
    reference = stack.resolve(change.get("patch") or change["delete"])
    before = stack.read(reference)
    if "delete" in change:
        return Step(("delete", *reference.arguments), ("create", "--filename={kept}"), kept=before)
    patch = change.get("with") or _into_first_container(before, change["container"])
    return _patch(reference, before, patch)


def clean(thing: Object) -> Object:
    """Return an object as one gives it to the API server: without its status and what the server wrote."""
    metadata = {key: value for key, value in thing["metadata"].items() if key not in OF_SERVER}
    return {key: value for key, value in thing.items() if key != "status"} | {"metadata": metadata}


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Let neither Ctrl-C nor SIGTERM end what the `with` does, nor the programs that it runs."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def broken(fault: Fault, stack: Stack, folder: Path) -> Iterator[None]:
    """Keep a fault in the stack while the `with` lasts; heal it, and wait until all is well.

    Raises HarnessError when the fault cannot be made, and HealingError when it is not healed.
    """
    journal = Journal(folder)
    try:
        steps: list[Step] = []
        if fault.disruptive:
            _keep_scale(stack, journal)
        for change in fault.changes:
            if "exec" in change:
                _wait_until_made(fault, steps, stack)  # a command runs in what the earlier changes made
            step = plan(change, stack)
            journal.add(step)
            kubectl(*step.make, text=step.text)
            steps.append(step)
        _wait_until_made(fault, steps, stack)
        yield
    finally:
        with uninterrupted():
            journal.heal()
        try:
            stack.wait_until_well()
        except HarnessError as error:
            raise HealingError(f"{fault.name} is healed, but the stack is not well: {error}") from error


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


def _into_first_container(workload: Object, container: Object) -> Object:
    containers = [{"name": _first_container(workload)["name"], **container}]
    return {"spec": {"template": {"spec": {"containers": containers}}}}


def _first_container(workload: Object) -> Object:
    found: Object = workload["spec"]["template"]["spec"]["containers"][0]
    return found


def _configure(change: Change, stack: Stack) -> Step:
    reference = stack.workload_of("otel-collector")
    before = stack.read(reference)
    container = _first_container(before)
    key = "args" if "args" in container else "command"
    if key not in container:
        raise HarnessError(f"{reference} has its command line in its image")
    option = f"--config=yaml:{json.dumps(change['configure'])}"
    return _patch(reference, before, _into_first_container(before, {key: [*container[key], option]}))


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

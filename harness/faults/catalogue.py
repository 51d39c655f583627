"""Reads the catalogue of faults: YAML files by concern, of one form (schema.json)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.common.yaml_loader import load_yaml

HERE = Path(__file__).parent
FILES = sorted((HERE / "catalogue").glob("*.yaml"))
EXEMPT = HERE / "exempt.yaml"
Change = Mapping[str, Any]


@dataclass(frozen=True)
class Expected:
    """The diagnosis that must be first: its subject, and texts that its sentence must contain.

    The subject is one of docs/diagnosis.md, empty for what a test alone finds. `becomes` is the one that is
    right too, where a probe of Kubernetes notices the fault after a while.
    """

    subject: str
    says: Sequence[str]
    becomes: str | None = None

    def __str__(self) -> str:
        """Return it for a table."""
        return f"{self.subject or 'a test alone'}: {' ... '.join(self.says)}"


@dataclass(frozen=True)
class Fault:
    """One deliberate defect, and what must find it. schema.json describes the fields.

    `fails` has, by the name of a test that must find the fault, texts that its message must contain.
    """

    name: str
    breaks: str
    changes: Sequence[Change]
    diagnosis: Expected
    fails: Mapping[str, Sequence[str]] = field(default_factory=dict)
    not_judged: Sequence[str] = ()
    passes: Sequence[str] = ()
    rolls_out: bool = True
    disruptive: bool = False
    installed: bool = False
    smoke: bool = False
    needs: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def tests(self) -> list[str]:
        """The names of the tests that are run while the fault is in the stack."""
        return [*self.fails, *self.not_judged, *self.passes]

    @property
    def workloads(self) -> list[str]:
        """The names of the components whose workloads it changes."""
        named = ("otel-collector" if "configure" in each else each.get("patch", "") for each in self.changes)
        return [name for name in named if name and "/" not in name]


def read_file(file: Path) -> list[Fault]:
    """Return the faults of a file of the catalogue, in its order."""
    entries: list[dict[str, Any]] = load_yaml(file.read_text(encoding="utf-8"))
    return [Fault(**{**entry, "diagnosis": Expected(**entry["diagnosis"])}) for entry in entries]


def read_catalogue() -> list[Fault]:
    """Return all faults, file by file."""
    return [fault for file in FILES for fault in read_file(file)]


def in_order(faults: Sequence[Fault]) -> list[Fault]:
    """Return the faults in such an order that those of one workload follow each other.

    Then the healing of one and the change of the next are one roll-out.
    """
    return sorted(faults, key=lambda fault: (fault.disruptive, fault.workloads, not fault.rolls_out))


def in_shard(faults: Sequence[Fault], number: int, of: int) -> list[Fault]:
    """Return one of `of` parts of the faults, the first being number 1; the parts take about as long."""
    return list(faults[number - 1 :: of])

"""Reads the fault catalogues, a YAML file for each folder of suites that must find the faults."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
CATALOGUES = sorted(file.stem for file in (HERE / "catalogues").glob("*.yaml"))
Spec = Mapping[str, Any]  # of a workload, as `kubectl get -o json` prints it


@dataclass(frozen=True)
class Fault:
    """One deliberate defect, and the test that must find it.

    `breaks` says in one sentence what is wrong. A fault changes one workload, in one of three ways:
    `collector` is configuration that is merged into the collector's as one more --config (lists replace);
    `agent` are environment variables of the agent, null for one that it loses; `stopped` is a component that
    is scaled to 0. `test` of `suite` (a path below robot/) must then fail, and its message must contain every
    text of `says`. A `disruptive` test disrupts the stack itself. `needs` names the Kustomize Components that
    the fault needs, each with an object that only it brings (`KIND/NAME`). `installed` faults are for a
    workload that somebody else installed, all others for ours.
    """

    name: str
    breaks: str
    suite: str
    test: str
    says: Sequence[str]
    collector: Mapping[str, Any] = field(default_factory=dict)
    agent: Mapping[str, str | None] = field(default_factory=dict)
    stopped: str = ""
    disruptive: bool = False
    needs: Mapping[str, str] = field(default_factory=dict)
    installed: bool = False

    @property
    def component(self) -> str:
        """The component whose workload is changed."""
        return self.stopped or ("otel-collector" if self.collector else "weather-agent")

    def patch(self, spec: Spec) -> list[dict[str, Any]]:
        """Return the JSON patch (RFC 6902) that breaks the workload with this spec."""
        container = _container(spec)
        value: object = 0
        if self.collector:
            value = [*container["command"], f"--config=yaml:{json.dumps(self.collector)}"]
        elif self.agent:
            kept = [entry for entry in container.get("env", ()) if entry["name"] not in self.agent]
            added = [{"name": name, "value": text} for name, text in self.agent.items() if text is not None]
            value = [*kept, *added]
        return [{"op": "add", "path": self._path, "value": value}]

    def heal(self, spec: Spec) -> list[dict[str, Any]]:
        """Return the JSON patch that makes the workload again what it was."""
        before = spec if self.stopped else _container(spec)
        key = self._path.rpartition("/")[2]
        if key not in before:
            return [{"op": "remove", "path": self._path}]
        return [{"op": "add", "path": self._path, "value": before[key]}]

    @property
    def _path(self) -> str:
        """The field that is changed."""
        if self.stopped:
            return "/spec/replicas"
        return f"/spec/template/spec/containers/0/{'command' if self.collector else 'env'}"


def _container(spec: Spec) -> Mapping[str, Any]:
    found: Mapping[str, Any] = spec["template"]["spec"]["containers"][0]
    return found


def read_catalogue(name: str) -> list[Fault]:
    """Return the faults of one of CATALOGUES, in the file's order."""
    text = (HERE / "catalogues" / f"{name}.yaml").read_text(encoding="utf-8")
    return [Fault(**entry) for entry in yaml.safe_load(text)]

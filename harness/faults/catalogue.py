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
Container = Mapping[str, Any]  # of a workload's pod template, as `kubectl get -o json` prints it


@dataclass(frozen=True)
class Fault:
    """One deliberate defect, and the test that must find it.

    `breaks` says in one sentence what is wrong. A fault changes one workload, in one of two ways: `collector`
    is configuration that is merged into the collector's as one more --config (lists replace); `agent` are
    environment variables of the agent. `test` of `suite` (a path below robot/) must then fail, and its
    message must contain every text of `says`. A `disruptive` test disrupts the stack itself. `needs` names
    the Kustomize Components that the fault needs, each with an object that only it brings (`KIND/NAME`).
    """

    name: str
    breaks: str
    suite: str
    test: str
    says: Sequence[str]
    collector: Mapping[str, Any] = field(default_factory=dict)
    agent: Mapping[str, str] = field(default_factory=dict)
    disruptive: bool = False
    needs: Mapping[str, str] = field(default_factory=dict)

    @property
    def component(self) -> str:
        """The component whose workload is changed."""
        return "otel-collector" if self.collector else "weather-agent"

    @property
    def _key(self) -> str:
        """The container's field that is changed."""
        return "command" if self.collector else "env"

    def patch(self, container: Container) -> list[dict[str, Any]]:
        """Return the JSON patch (RFC 6902) that breaks a workload whose first container is this one."""
        if self.collector:
            value = [*container["command"], f"--config=yaml:{json.dumps(self.collector)}"]
        else:
            value = [entry for entry in container.get("env", ()) if entry["name"] not in self.agent]
            value += [{"name": name, "value": text} for name, text in self.agent.items()]
        return [{"op": "add", "path": self._path, "value": value}]

    def heal(self, container: Container) -> list[dict[str, Any]]:
        """Return the JSON patch that makes the container again what it was."""
        if self._key not in container:
            return [{"op": "remove", "path": self._path}]
        return [{"op": "add", "path": self._path, "value": container[self._key]}]

    @property
    def _path(self) -> str:
        return f"/spec/template/spec/containers/0/{self._key}"


def read_catalogue(name: str) -> list[Fault]:
    """Return the faults of one of CATALOGUES, in the file's order."""
    text = (HERE / "catalogues" / f"{name}.yaml").read_text(encoding="utf-8")
    return [Fault(**entry) for entry in yaml.safe_load(text)]

"""Reads the fault catalogue."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
CATALOGUES = ("traces", "availability", "authentication")  # the last two are of components on top
SUITES = HERE.parents[1] / "robot"


@dataclass(frozen=True)
class Fault:
    """One deliberate defect; see traces.yaml's first lines for what its fields mean."""

    name: str
    breaks: str
    suite: str
    test: str
    says: Sequence[str]
    collector: Mapping[str, Any] = field(default_factory=dict)
    agent: Mapping[str, str] = field(default_factory=dict)
    options: Sequence[str] = ()

    @property
    def component(self) -> str:
        """The component whose workload is changed."""
        return "otel-collector" if self.collector else "weather-agent"

    def patch(self, container: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return the JSON patch that breaks a workload with this container."""
        place = "/spec/template/spec/containers/0"
        if self.collector:
            command = [*container["command"], f"--config=yaml:{json.dumps(self.collector)}"]
            return [{"op": "replace", "path": f"{place}/command", "value": command}]
        environment = [entry for entry in container["env"] if entry["name"] not in self.agent]
        environment += [{"name": name, "value": value} for name, value in self.agent.items()]
        return [{"op": "replace", "path": f"{place}/env", "value": environment}]

    def heal(self, container: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return the JSON patch that makes the container again what it was."""
        key = "command" if self.collector else "env"
        path = f"/spec/template/spec/containers/0/{key}"
        return [{"op": "replace", "path": path, "value": container[key]}]


def faults(catalogue: str) -> list[Fault]:
    """Return the faults of one of the catalogues, in its order."""
    text = (HERE / f"{catalogue}.yaml").read_text(encoding="utf-8")
    return [Fault(**entry) for entry in yaml.safe_load(text)]

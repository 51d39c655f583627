"""Reads the fault catalogue."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

CATALOGUE = Path(__file__).parent / "traces.yaml"
SUITES = Path(__file__).parent.parent / "robot"


@dataclass(frozen=True)
class Fault:
    """One deliberate defect; see the catalogue's first lines for what its fields mean."""

    name: str
    breaks: str
    suite: str
    test: str
    says: Sequence[str]
    collector: Mapping[str, Any] = field(default_factory=dict)
    agent: Mapping[str, str] = field(default_factory=dict)

    @property
    def component(self) -> str:
        """The component whose Deployment is changed."""
        return "otel-collector" if self.collector else "weather-agent"

    def patch(self, container: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return the JSON patch that breaks a Deployment with this container."""
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


def faults() -> list[Fault]:
    """Return the catalogue's faults, in its order."""
    return [Fault(**entry) for entry in yaml.safe_load(CATALOGUE.read_text(encoding="utf-8"))]

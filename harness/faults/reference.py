"""An object of the cluster, as kubectl names it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Reference:
    """An object in a namespace, as kubectl names it."""

    kind: str
    name: str
    namespace: str

    @property
    def arguments(self) -> tuple[str, str, str]:
        """What kubectl takes for it."""
        return (self.kind, self.name, f"--namespace={self.namespace}")

    def __str__(self) -> str:
        """Return it for a message."""
        return f"{self.kind}/{self.name} in namespace {self.namespace}"

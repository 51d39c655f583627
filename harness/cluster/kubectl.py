"""kubectl for one cluster."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.common.commands import read_output, succeeds


def without_proxy(address: str, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that keep programs from asking a proxy for `address`, an IP address.

    Programs read either name of the variable, so both get the union of what `environment` says.
    """
    named = (environment.get("NO_PROXY", ""), environment.get("no_proxy", ""), address)
    hosts = [host.strip() for names in named for host in names.split(",") if host.strip()]
    if "*" in hosts:  # Python and curl know it only alone
        hosts = ["*"]
    return dict.fromkeys(("NO_PROXY", "no_proxy"), ",".join(dict.fromkeys(hosts)))


@dataclass(frozen=True)
class Kubectl:
    """kubectl for one cluster, asked directly and not through a proxy."""

    program: Path
    kubeconfig: Path
    cache: Path  # instead of ~/.kube/cache
    address: str  # of the API server

    @property
    def _start(self) -> list[str]:
        return [str(self.program), f"--kubeconfig={self.kubeconfig}", f"--cache-dir={self.cache}"]

    @property
    def _environment(self) -> dict[str, str]:
        return without_proxy(self.address, os.environ)

    def __call__(self, *arguments: str, text: str = "") -> str:
        """Run kubectl with `text` as its input and return what it prints.

        Raises HarnessError with its last line when it fails.
        """
        failure = f"`kubectl {' '.join(arguments)}` failed"
        return read_output([*self._start, *arguments], failure, text=text, environment=self._environment)

    def succeeds(self, *arguments: str) -> bool:
        """Say whether a kubectl command succeeds within 10 seconds."""
        return succeeds([*self._start, *arguments], 10, self._environment)

    def get(self, *arguments: str) -> dict[str, Any]:
        """Return what `kubectl get` finds, as a decoded JSON object.

        Raises HarnessError when it finds nothing or the API server does not answer.
        """
        found: dict[str, Any] = json.loads(self("get", *arguments, "-o", "json"))
        return found

    def apply(self, manifest: str) -> None:
        """Apply a manifest, as the owner of what it says.

        Raises HarnessError when the API server rejects it.
        """
        self(
            "apply", "--server-side", "--force-conflicts", "--field-manager=cluster", "-f", "-", text=manifest
        )

"""The Gateway comes once its kinds are served and its namespace can hold it."""

import json
from pathlib import Path

import pytest

from harness.cluster import addons
from harness.common import waiting
from harness.common.errors import HarnessError
from tests.clock import Clock

STATUS = {"availableReplicas": 1, "conditions": [{"type": "Programmed", "status": "True"}]}


class Cluster:
    """A kubectl of a cluster that serves new kinds, and lets a namespace go, only after some questions."""

    def __init__(self, served_after: int) -> None:
        """Start with a namespace that is being deleted."""
        self.served_after = served_after
        self.namespace: dict[str, object] | None = {"metadata": {"deletionTimestamp": "now"}}
        self.questions = 0
        self.installed = False

    def __call__(self, *arguments: str, text: str = "") -> str:
        """Answer."""
        assert not text
        if arguments[0] == "api-resources":
            self.questions += 1
            return "\n".join(
                addons.GATEWAY_API if self.questions > self.served_after else addons.GATEWAY_API[:1]
            )
        if arguments[:2] == ("get", "namespace"):
            return json.dumps(self.namespace) if self.namespace else ""
        if arguments[:2] == ("wait", "--for=delete"):
            self.namespace = None
        if arguments[:2] == ("create", "namespace"):
            self.namespace = {"metadata": {}}
        return ""

    def get(self, *_: str) -> dict[str, object]:
        """Return Traefik's Deployment and the Gateway alike."""
        return {"status": STATUS}

    def apply(self, manifest: str) -> None:
        """Install the Gateway."""
        assert "kind: Gateway" in manifest
        if self.questions <= self.served_after:
            raise HarnessError('no matches for kind "Gateway"')
        if self.namespace != {"metadata": {}}:
            raise HarnessError("the namespace is being terminated")
        self.installed = True


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the minutes pass that the harness waits."""
    monkeypatch.setattr(waiting, "time", Clock())


def install(cluster: Cluster) -> None:
    addons.install_gateway(cluster, "definitions.yaml", "traefik", "10.0.0.1", Path("log"))  # type: ignore[arg-type]


def test_the_gateway_comes_when_its_kinds_are_served_in_a_namespace_that_stays() -> None:
    cluster = Cluster(served_after=3)
    install(cluster)
    assert cluster.installed


def test_a_kind_that_is_not_served_is_named() -> None:
    with pytest.raises(HarnessError, match=r"gateways\.gateway\.networking\.k8s\.io is not served"):
        install(Cluster(served_after=10**9))

"""roll_on_rotation.py restarts MLflow when a Secret has changed, and only then."""

import signal
from pathlib import Path
from typing import Any

import pytest

import kube_api
import roll_on_rotation

SECRETS = ["mlflow-admin", "mlflow-collector"]


class Cluster:
    """A folder of Secrets, and a Deployment that remembers what was sent to it."""

    def __init__(self, folder: Path) -> None:
        """Start with first passwords and nothing recorded."""
        self.folder = folder
        self.recorded: str | None = None
        self.exists = True
        self.events: list[str] = []
        for secret in SECRETS:
            self.change(secret, "first")

    def change(self, secret: str, password: str) -> None:
        """Set a password, as the kubelet does it."""
        (self.folder / secret).mkdir(exist_ok=True)
        (self.folder / secret / "username").write_text(secret)
        (self.folder / secret / "password").write_text(password)

    def find(self, path: str) -> kube_api.Object | None:
        """Answer as the API does."""
        assert path == "/apis/apps/v1/namespaces/kagenti-system/deployments/mlflow"
        known = {roll_on_rotation.ANNOTATION: self.recorded} if self.recorded else {}
        return {"metadata": {"annotations": known} if known else {}} if self.exists else None

    def send(self, method: str, path: str, body: kube_api.Object, content_type: str) -> None:
        """Accept a change."""
        assert (method, content_type) == ("PATCH", "application/merge-patch+json")
        assert self.find(path) is not None
        self.recorded = body["metadata"]["annotations"][roll_on_rotation.ANNOTATION]
        self.events.append("restart" if "spec" in body else "record")

    def watch(self, monkeypatch: pytest.MonkeyPatch, *changes: tuple[str, str]) -> list[str]:
        """Run the program over these changes, one for each poll, until the pod ends. Return what it did."""
        pending: list[Any] = [*changes, None]

        def poll(*_: object) -> object:
            change = pending.pop(0)
            if change is None:
                return signal.SIGTERM
            self.change(*change)
            return None

        monkeypatch.setattr(signal, "sigtimedwait", poll)
        self.events.clear()
        roll_on_rotation.watch("mlflow", SECRETS)
        return self.events


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Cluster:
    found = Cluster(tmp_path)
    monkeypatch.setattr(roll_on_rotation, "CREDENTIALS", tmp_path)
    monkeypatch.setattr(kube_api, "namespace", lambda: "kagenti-system")
    monkeypatch.setattr(kube_api, "find", found.find)
    monkeypatch.setattr(kube_api, "send", found.send)
    return found


def test_nothing_restarts_without_a_change(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cluster.watch(monkeypatch) == ["record"]
    assert cluster.watch(monkeypatch) == [], "nor at the next start"


def test_each_change_restarts_once(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster.watch(monkeypatch)
    changes = [("mlflow-admin", password) for password in ("second", "second", "third")]
    assert cluster.watch(monkeypatch, *changes) == ["restart", "restart"]
    assert cluster.watch(monkeypatch, ("mlflow-collector", "second")) == ["restart"]


def test_a_change_while_no_pod_runs_restarts_nothing(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.watch(monkeypatch)
    cluster.change("mlflow-collector", "second")
    assert cluster.watch(monkeypatch) == ["record"], "MLflow has just started with it"


def test_a_second_pod_that_sees_the_change_later_restarts_nothing(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.watch(monkeypatch)
    change = cluster.change

    def changed_and_seen_by_another_pod(secret: str, password: str) -> None:
        change(secret, password)
        cluster.recorded = roll_on_rotation.fingerprint(SECRETS)

    monkeypatch.setattr(cluster, "change", changed_and_seen_by_another_pod)
    assert cluster.watch(monkeypatch, ("mlflow-admin", "second")) == []


def test_a_missing_deployment_is_reported(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster.exists = False
    with pytest.raises(SystemExit, match="Deployment mlflow does not exist"):
        cluster.watch(monkeypatch)


def test_secrets_that_are_swapped_while_they_are_read_are_read_again(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.watch(monkeypatch)
    real, fails = roll_on_rotation.fingerprint, [False, True]

    def fingerprint(secrets: list[str]) -> str:
        if fails and fails.pop(0):
            raise FileNotFoundError
        return real(secrets)

    monkeypatch.setattr(roll_on_rotation, "fingerprint", fingerprint)
    changes = [("mlflow-admin", "second"), ("mlflow-admin", "second")]
    assert cluster.watch(monkeypatch, *changes) == ["restart"]


def test_a_fingerprint_differs_with_the_secrets_and_leaks_nothing_of_them(cluster: Cluster) -> None:
    before = roll_on_rotation.fingerprint(["mlflow-admin"])
    cluster.change("mlflow-admin", "second")
    assert roll_on_rotation.fingerprint(["mlflow-admin"]) != before
    assert roll_on_rotation.fingerprint(["mlflow-collector"]) != before
    assert "second" not in before

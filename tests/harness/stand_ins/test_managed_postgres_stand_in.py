"""The stand-in for a managed PostgreSQL is started once, and found by its Secret."""

import json
from pathlib import Path
from typing import Any

import pytest

from harness.common.errors import HarnessError
from harness.stand_ins.managed_postgres import stand_in


class Server:
    """A server that is only counted."""

    started = 0
    running = False
    address = "10.0.0.1"

    def __init__(self, *_: object) -> None:
        """Be one of many that are the same server."""

    def start(self, *_: object) -> None:
        """Count."""
        Server.started += 1
        Server.running = True

    def stop(self) -> None:
        """Stop."""
        Server.running = False

    def query(self, _: str) -> str:
        """Answer, if it runs."""
        if not Server.running:
            raise HarnessError("no server")
        return "18.1"


@pytest.fixture
def applied(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return what the cluster has, by kind; the server is none."""
    there: dict[str, Any] = {}

    def kubectl(*arguments: str, text: str = "") -> str:
        for thing in map(json.loads, text.split("\n---\n") if text else []):
            there[thing["kind"]] = thing
        if arguments[:2] == ("get", "secret"):
            return json.dumps(there["Secret"]) if "Secret" in there else ""
        return '{"metadata": {}}' if arguments[0] == "get" else ""

    monkeypatch.setattr(stand_in, "kubectl", kubectl)
    monkeypatch.setattr(stand_in, "Server", Server)
    monkeypatch.setattr(stand_in, "find_programs", lambda: Path("/programs"))
    monkeypatch.setattr(Server, "started", 0)
    monkeypatch.setattr(Server, "running", False)
    return there


def test_the_secret_leads_to_the_server(applied: dict[str, Any]) -> None:
    stand_in.up()
    secret = applied["Secret"]["stringData"]
    assert secret["host"] == "database.managed-postgres.svc"
    assert secret["ca.crt"].startswith("-----BEGIN CERTIFICATE-----")
    assert applied["EndpointSlice"]["endpoints"] == [{"addresses": ["10.0.0.1"]}]


def test_one_that_is_up_stays_and_one_without_its_secret_starts_again(applied: dict[str, Any]) -> None:
    for _ in range(2):
        stand_in.up()
    assert Server.started == 1
    del applied["Secret"]  # as when its namespace was deleted with an overlay
    stand_in.up()
    assert Server.started == 2

"""MLflow's sidecar on OpenShift, and the script that starts the server with what it found."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import follow_route
from harness.common.waiting import wait_for

LIMIT = 60  # seconds
SCRIPT = Path(follow_route.__file__).with_name("with-route-host.sh")
# Stands in for MLflow's server: it prints the names that it was given, and ends at SIGTERM.
SERVER = """
trap 'echo stopped; exit 0' TERM
echo $MLFLOW_SERVER_ALLOWED_HOSTS $MLFLOW_SERVER_CORS_ALLOWED_ORIGINS
while :; do sleep 0.05; done
"""


def route(*entries: tuple[str, str]) -> dict[str, Any]:
    return {
        "status": {
            "ingress": [
                {"host": host, "conditions": [{"type": "Admitted", "status": status}]}
                for host, status in entries
            ]
        }
    }


@pytest.mark.parametrize(
    ("seen", "hosts"),
    [
        (None, []),
        ({}, []),
        ({"status": {"ingress": [{"host": "a.example"}]}}, []),
        (route(("a.example", "False")), []),
        (route(("a.example", "True")), ["a.example"]),
        (
            route(("b.example", "True"), ("a.example", "True"), ("a.example", "True")),
            ["a.example", "b.example"],
        ),
    ],
)
def test_admitted_hosts(seen: dict[str, Any] | None, hosts: list[str]) -> None:
    assert follow_route.admitted_hosts(seen) == hosts


def look(file: Path, seen: dict[str, Any] | None, seconds: float, known: str | None) -> str | None:
    return follow_route.follow(lambda: seen, file, lambda: seconds, known)


def test_the_file_is_written_when_the_route_is_admitted(tmp_path: Path) -> None:
    file = tmp_path / "host"
    assert look(file, route(("a.example", "False")), 1, None) is None
    assert not file.exists()
    assert look(file, route(("a.example", "True")), 2, None) == "a.example"
    assert file.read_text() == "a.example"


def test_without_a_router_it_goes_on_and_learns_the_host_later(tmp_path: Path) -> None:
    file = tmp_path / "host"
    assert look(file, None, follow_route.ADMISSION_SECONDS - 1, None) is None
    assert look(file, None, follow_route.ADMISSION_SECONDS, None) == ""
    assert file.read_text() == ""
    assert look(file, route(("a.example", "True")), 100, "") == "a.example"
    assert file.read_text() == "a.example"


def test_a_host_stays_until_another_is_admitted(tmp_path: Path) -> None:
    file = tmp_path / "host"
    file.write_text("a.example")
    assert look(file, route(("a.example", "False")), 100, "a.example") == "a.example"
    assert look(file, None, 100, "a.example") == "a.example"
    assert file.read_text() == "a.example"
    assert look(file, route(("b.example", "True")), 100, "a.example") == "b.example"
    assert file.read_text() == "b.example"


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[str], "subprocess.Popen[str]"]]:
    """Return a function that starts the script with a server. The fixture ends whatever still runs.

    After LIMIT it is killed, so that nobody waits for a line for ever.
    """
    started, limits = [], []

    def with_host(host: str, server: str = SERVER) -> "subprocess.Popen[str]":
        (tmp_path / "host").write_text(host)
        process = subprocess.Popen(
            ["bash", str(SCRIPT), "bash", "-c", server],
            env=os.environ
            | {
                "ROUTE_HOST_FILE": str(tmp_path / "host"),
                "MLFLOW_SERVER_ALLOWED_HOSTS": "mlflow:5000",
                "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS": "http://mlflow:5000",
            },
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        limits.append(threading.Timer(LIMIT, os.killpg, (process.pid, signal.SIGKILL)))
        limits[-1].start()
        return process

    yield with_host
    for limit in limits:
        limit.cancel()
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout
    return process.stdout.readline().strip()


@pytest.mark.parametrize(
    ("host", "names"),
    [
        ("", "mlflow:5000 http://mlflow:5000"),
        ("a.example", "mlflow:5000,a.example http://mlflow:5000,https://a.example"),
        (
            "a.example,b.example",
            "mlflow:5000,a.example,b.example http://mlflow:5000,https://a.example,https://b.example",
        ),
    ],
)
def test_the_server_gets_the_host(
    host: str, names: str, start: Callable[[str], "subprocess.Popen[str]"]
) -> None:
    assert line(start(host)) == names


def test_the_server_restarts_with_another_host(
    tmp_path: Path, start: Callable[[str], "subprocess.Popen[str]"]
) -> None:
    process = start("a.example")
    assert line(process) == "mlflow:5000,a.example http://mlflow:5000,https://a.example"
    follow_route.write(tmp_path / "host", "b.example")
    assert line(process) == "stopped"
    assert line(process) == "mlflow:5000,b.example http://mlflow:5000,https://b.example"
    assert process.poll() is None


def test_the_end_of_the_pod_reaches_the_server(start: Callable[[str], "subprocess.Popen[str]"]) -> None:
    process = start("a.example")
    line(process)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    wait_for(lambda: len(children.read_text().split()) > 1, LIMIT, "The script does not wait for its server")
    process.send_signal(signal.SIGTERM)
    assert line(process) == "stopped"
    assert process.wait(timeout=10) == 0


def test_the_end_of_the_pod_reaches_a_server_that_just_began(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: Callable[[str], "subprocess.Popen[str]"]
) -> None:
    signals_itself = tmp_path / "signals_itself"
    signals_itself.write_text('trap \'[ "$BASH_COMMAND" != "server=\\$!" ] || kill -TERM $$\' DEBUG\n')
    monkeypatch.setenv("BASH_ENV", str(signals_itself))
    assert start("a.example").wait(timeout=10) in (0, 128 + signal.SIGTERM)


def test_a_server_that_ends_ends_the_container_with_its_exit_code(
    start: Callable[..., "subprocess.Popen[str]"],
) -> None:
    began = time.monotonic()
    assert start("a.example", "exit 3").wait(timeout=10) == 3
    assert time.monotonic() - began < 5

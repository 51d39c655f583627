"""Nagle's algorithm is off on each connection to MLflow's server, however many workers it has."""

import os
import sys
from pathlib import Path

import pytest

from harness.common.local_requests import local_session
from harness.common.loopback import LOOPBACK, free_port
from harness.common.manifests import read_container
from harness.common.mlflow_server import SOURCES, run_server

OPTIONS = "MLFLOW_UVICORN_OPTS"
LIMIT = 10  # seconds
# An app for MLflow's server. It answers with an option of the socket by which it was asked.
APP = """
import os
import socket


def read_option(client):
    for descriptor in map(int, os.listdir("/proc/self/fd")):
        try:
            with socket.fromfd(descriptor, socket.AF_INET, socket.SOCK_STREAM) as found:
                if found.getpeername() == client:
                    return found.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        except OSError:
            continue  # it is no socket, or has no peer
    raise LookupError(client)


class App:  # MLflow takes a function for one that makes the app
    async def __call__(self, scope, receive, send):
        assert scope["type"] == "http"
        option = read_option(tuple(scope["client"]))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": str(option).encode()})


app = App()
"""


@pytest.mark.parametrize("workers", [1, 2])
def test_it_is_off_where_mlflow_runs_as_its_manifest_says(workers: int, tmp_path: Path) -> None:
    environment = {each["name"]: each.get("value") for each in read_container(SOURCES / "mlflow.yaml")["env"]}
    assert read_no_delay(tmp_path, workers, {OPTIONS: environment[OPTIONS]}) == "1", "answers come 40 ms late"


def test_uvicorn_leaves_it_on_with_several_workers(tmp_path: Path) -> None:
    assert read_no_delay(tmp_path, 2, {}) == "0", "uvicorn turns it off by itself: no_delay.py can go"


def read_no_delay(folder: Path, workers: int, settings: dict[str, str]) -> str:
    """Return TCP_NODELAY of a connection to a real `mlflow server`, as the worker at its end has it."""
    described = folder / "report-1.dist-info"
    described.mkdir()
    (described / "entry_points.txt").write_text("[mlflow.app]\nreport = report:app\n", encoding="utf-8")
    (folder / "report.py").write_text(APP, encoding="utf-8")
    url = f"http://{LOOPBACK}:{(port := free_port())}"
    command = [sys.executable, "-m", "mlflow", "server", "--artifacts-only", "--app-name=report"]
    command += [f"--port={port}", f"--workers={workers}", f"--artifacts-destination={folder}"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    environment |= {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", **settings}
    environment["PYTHONPATH"] = f"{folder}{os.pathsep}{SOURCES}"
    with run_server(command, environment, folder, url), local_session() as session:
        return session.get(url, timeout=LIMIT).text

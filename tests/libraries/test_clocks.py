"""Other clocks are compared with this machine's by the dates of HTTP answers."""

from __future__ import annotations

from email.utils import formatdate, parsedate_to_datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from entry.clocks import Clocks
from entry.entry_point import EntryPoint
from entry.http_requests import RequestError
from kube.client import ClusterClient, ClusterError
from kube.clock import Clock, clock_ahead
from tests.libraries.api_server import make_kubeconfig, run_api_server
from tests.libraries.test_client import use_kubeconfig

HOUR = 3600


@pytest.fixture(autouse=True)
def servers_an_hour_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    dated = BaseHTTPRequestHandler.date_time_string

    def late(handler: BaseHTTPRequestHandler) -> str:
        return formatdate(parsedate_to_datetime(dated(handler)).timestamp() - HOUR, usegmt=True)

    monkeypatch.setattr(BaseHTTPRequestHandler, "date_time_string", late)


def test_a_date_is_compared_with_the_middle_of_the_request() -> None:
    assert clock_ahead({"Date": "Thu, 26 Nov 2026 05:00:00 GMT"}, 1795669198.0, 1795669202.0) == 0.5
    assert clock_ahead({"Date": "Thu, 26 Nov 2026 06:00:00 GMT"}, 1795669198.0, 1795669202.0) == HOUR + 0.5


@pytest.mark.parametrize("headers", [{}, {"Date": "today"}])
def test_an_answer_without_a_date_says_nothing(headers: dict[str, str]) -> None:
    assert clock_ahead(headers, 0, 1) is None


def test_the_clock_of_the_cluster_dates_any_answer_of_its_api_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with run_api_server() as server:
        use_kubeconfig(make_kubeconfig(f"http://127.0.0.1:{server.port}"), tmp_path, monkeypatch)
        clock = Clock(ClusterClient())
        assert clock.measure_clock_of_cluster() == pytest.approx(-HOUR, abs=2)
        server.answers["/version"] = (403, {"message": "no"})
        assert clock.measure_clock_of_cluster() == pytest.approx(-HOUR, abs=2)
    with pytest.raises(ClusterError, match=r"^Cannot read the version: connection refused"):
        clock.measure_clock_of_cluster()


def test_the_clock_behind_an_entry_point_dates_any_answer_and_is_asked_once() -> None:
    clocks = Clocks()
    with run_api_server() as server:
        entry = EntryPoint(f"http://127.0.0.1:{server.port}")
        for path in ("/version", "/missing", "/version"):
            assert clocks.measure_clock_behind(entry, path, 5) == pytest.approx(-HOUR, abs=2)
        assert [path for path, _ in server.requests] == ["/version", "/missing"]
    assert clocks.measure_clock_behind(entry, "/version", 1) is not None
    with pytest.raises(RequestError):
        clocks.measure_clock_behind(entry, "/other", 1)

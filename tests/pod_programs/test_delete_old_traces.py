"""Old traces are deleted in both backends, new ones are kept; where one fails, the other is cleaned."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from mlflow.exceptions import MlflowException

import delete_old_traces

NOW = datetime(2026, 11, 26, 3, 17, tzinfo=UTC)
OLD, NEW = [NOW - timedelta(days=days) for days in (100, 45, 30.001)], [NOW - timedelta(days=29.999), NOW]
ENVIRONMENT = {
    "KEEP_DAYS": "30",
    "MLFLOW_TRACKING_URI": "http://mlflow:5000",
    "EXPERIMENT_ID": "1",
    "PHOENIX_URL": "http://phoenix:6006",
    "PHOENIX_PROJECT": "a project",
}


class Mlflow:
    """MLflow's client: it has the traces of experiment 1, many of each start."""

    traces: list[datetime]

    def __init__(self, uri: str) -> None:
        """Be of one server."""
        assert uri == ENVIRONMENT["MLFLOW_TRACKING_URI"]

    def delete_traces(self, experiment_id: str, max_timestamp_millis: int, max_traces: int) -> int:
        """Delete the oldest."""
        assert experiment_id == "1"
        latest = datetime.fromtimestamp(max_timestamp_millis / 1000, UTC)
        deleted = sorted(start for start in self.traces if start <= latest)[:max_traces]
        Mlflow.traces = sorted(self.traces)[len(deleted) :]
        return len(deleted)


class Phoenix:
    """Phoenix's REST API, as far as it is used."""

    def __init__(self, traces: list[datetime]) -> None:
        """Have traces that start at these times."""
        self.traces = traces

    def request(self, method: str, url: str, params: dict[str, Any], timeout: int) -> requests.Response:
        """Answer."""
        assert url == "http://phoenix:6006/v1/projects/a%20project/traces"
        assert timeout > 0
        response, end = requests.Response(), datetime.fromisoformat(params["end_time"])
        response.status_code = 200
        if method == "DELETE":
            start = datetime.fromisoformat(params["start_time"])
            self.traces = [each for each in self.traces if not start <= each < end]
            response._content = b""
        else:
            found = sorted(each for each in self.traces if each < end)[: params["limit"]]
            data = ",".join(f'{{"start_time": "{each.isoformat()}"}}' for each in found)
            response._content = f'{{"data": [{data}]}}'.encode()
        return response


class Clock(datetime):
    """The time of the run."""

    @classmethod
    def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]  # noqa: ANN401
        """Return it."""
        return NOW.astimezone(tz)


@pytest.fixture
def phoenix(monkeypatch: pytest.MonkeyPatch) -> Phoenix:
    """Return a Phoenix with old and new traces, beside an MLflow with more of them than one step deletes."""
    Mlflow.traces = [*OLD * delete_old_traces.MLFLOW_STEP, *NEW]
    found = Phoenix([*OLD, *NEW])
    monkeypatch.setattr(delete_old_traces, "MlflowClient", Mlflow)
    monkeypatch.setattr(delete_old_traces, "datetime", Clock)
    monkeypatch.setattr(requests, "request", found.request)
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    return found


def test_old_traces_are_deleted_and_new_ones_are_kept(
    phoenix: Phoenix, capsys: pytest.CaptureFixture[str]
) -> None:
    delete_old_traces.main()
    assert Mlflow.traces == NEW
    assert phoenix.traces == NEW
    printed = capsys.readouterr().out
    assert "MLflow: 1500 traces deleted from experiment 1, older than 2026-10-27 03:17 UTC." in printed
    assert "Phoenix: the traces of 3 days deleted from project a project" in printed


def test_a_backend_that_fails_is_named_and_the_other_is_cleaned(
    phoenix: Phoenix, monkeypatch: pytest.MonkeyPatch
) -> None:
    def reject(*_: object, **__: object) -> int:
        raise MlflowException("Permission denied")

    monkeypatch.setattr(Mlflow, "delete_traces", reject)
    with pytest.raises(SystemExit, match=r"MLflow keeps traces older than 2026-10-27 .*: Permission denied"):
        delete_old_traces.main()
    assert phoenix.traces == NEW


@pytest.mark.parametrize(
    ("answer", "said"),
    [(500, "answered with 500: out of order"), (None, "Connection refused")],
)
def test_a_phoenix_that_does_not_delete_is_named(
    phoenix: Phoenix, monkeypatch: pytest.MonkeyPatch, answer: int | None, said: str
) -> None:
    def fail(*_: object, **__: object) -> requests.Response:
        if answer is None:
            raise requests.ConnectionError("Connection refused")
        response = requests.Response()
        response.status_code, response._content = answer, b"out of order"
        return response

    monkeypatch.setattr(requests, "request", fail)
    with pytest.raises(SystemExit, match=f"Phoenix keeps traces older than .*{said}"):
        delete_old_traces.main()
    assert Mlflow.traces == NEW
    assert len(phoenix.traces) == len(OLD + NEW)


def test_a_project_that_no_span_has_come_to_is_no_failure(
    phoenix: Phoenix, monkeypatch: pytest.MonkeyPatch
) -> None:
    def not_found(*_: object, **__: object) -> requests.Response:
        response = requests.Response()
        response.status_code = 404
        return response

    monkeypatch.setattr(requests, "request", not_found)
    delete_old_traces.main()
    assert phoenix.traces


@pytest.mark.parametrize("days", ["0", "-1", "nan", "inf", "", "a month"])
def test_what_would_delete_everything_or_nothing_is_rejected(
    phoenix: Phoenix, monkeypatch: pytest.MonkeyPatch, days: str
) -> None:
    monkeypatch.setenv("KEEP_DAYS", days)
    with pytest.raises(SystemExit, match=r"KEEP_DAYS is '.*': set a number of days above 0"):
        delete_old_traces.main()
    assert len(phoenix.traces) == len(OLD + NEW)

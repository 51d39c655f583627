"""Copies of a stored trace are as MLflow itself would have stored them."""

import pytest
import requests

from harness.bench.filling import AGO, SPACING, Range, database_size, fill
from harness.common.mlflow_server import Mlflow
from harness.load.questions import Questions

SESSION = "session of the original"
QUESTIONS = Questions("a test", kept_only=True)


@pytest.fixture(scope="module")
def mlflow(mlflow_server: Mlflow) -> Mlflow:
    """Return a MLflow with one trace and five copies of it, of which three have spans."""
    mlflow_server.query("TRUNCATE trace_info CASCADE")  # others had it before
    assert mlflow_server.send(QUESTIONS.make(0, SESSION)).ok
    original = mlflow_server.query("SELECT request_id FROM trace_info").strip()
    for copies in (Range(1, 2), Range(3, 5)):
        fill(mlflow_server, original, SESSION, copies, with_spans=3)
    return mlflow_server


def find(mlflow: Mlflow, session: str) -> list[str]:
    """Return the ids of the traces that MLflow finds of a session."""
    body = {
        "locations": [{"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": "0"}}],
        "filter": f"metadata.`mlflow.trace.session` = '{session}'",
    }
    answer = requests.post(f"{mlflow.url}/api/3.0/mlflow/traces/search", json=body, timeout=60)
    return [each["trace_id"] for each in answer.json().get("traces", [])]


def test_mlflow_finds_each_copy_by_a_session_of_its_own(mlflow: Mlflow) -> None:
    found = [find(mlflow, f"{SESSION}-{number}") for number in range(1, 6)]
    assert [len(ids) for ids in found] == [1] * 5
    assert len({ids[0] for ids in found}) == 5
    assert len(find(mlflow, SESSION)) == 1


def test_a_copy_has_the_rows_and_the_spans_of_its_original(mlflow: Mlflow) -> None:
    for table, key in (("trace_tags", "request_id"), ("spans", "trace_id")):
        rows = mlflow.query(f"SELECT count(*) FROM {table} GROUP BY {key} ORDER BY 1")  # noqa: S608
        counts = [int(count) for count in rows.split()]
        assert len(counts) == (6 if table == "trace_tags" else 4)
        assert len(set(counts)) == 1
    assert mlflow.query("SELECT count(*) FROM spans").strip() == str(4 * QUESTIONS.kept)


def test_copies_are_older_than_their_original_each_by_a_little_more(mlflow: Mlflow) -> None:
    ages = "SELECT max(timestamp_ms) OVER () - timestamp_ms FROM trace_info ORDER BY timestamp_ms DESC"
    assert [int(age) for age in mlflow.query(ages).split()] == [
        0,
        *(AGO + number * SPACING for number in range(1, 6)),
    ]


def test_every_index_is_used_again(mlflow: Mlflow) -> None:
    assert mlflow.query("SELECT count(*) FROM pg_index WHERE NOT (indisvalid AND indisready)").strip() == "0"


def test_the_size_of_the_database_is_known(mlflow: Mlflow) -> None:
    assert database_size(mlflow) > 1_000_000

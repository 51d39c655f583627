"""A trace is written in the name of the experiment that has it alone: with MLflow's own store, on SQLite."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from mlflow.entities import TraceInfo, TraceLocation, TraceState
from mlflow.entities.span import Span
from mlflow.exceptions import MlflowException
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from opentelemetry.proto.trace.v1.trace_pb2 import Span as OtelSpan

import lossless_store
import mlflow_plugin
from trace_owners import TraceOwners

TRACE, OTHER, ROOT, CHILD = b"\1" * 16, b"\2" * 16, b"\1" * 8, b"\2" * 8


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('mlflow')}/mlflow.db"


@pytest.fixture
def store(uri: str, tmp_path: Path) -> SqlAlchemyStore:
    return mlflow_plugin.build_store(uri, str(tmp_path))


def test_mlflows_server_takes_the_plugin_that_is_found_last(tmp_path: Path) -> None:
    paths = []
    for main, modules in ((lossless_store, ()), (mlflow_plugin, ("trace_owners.py",))):
        folder = Path(str(main.__file__)).parent
        found_in = tmp_path / main.__name__
        (found_in / f"{main.__name__}-1.dist-info").mkdir(parents=True)
        shutil.copy(folder / "entry_points.txt", found_in / f"{main.__name__}-1.dist-info")
        for module in (f"{main.__name__}.py", *modules):
            shutil.copy(folder / module, found_in)
        paths.append(str(found_in))
    program = (
        "from mlflow.server.handlers import _tracking_store_registry as registry\n"
        "print(registry.get_store_builder('postgresql+psycopg2://').__module__)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip().splitlines()[-1] == "mlflow_plugin", done.stderr
    assert "Failure attempting to register store" not in done.stderr


def test_good_spans_wait_for_the_database_as_in_the_base(store: SqlAlchemyStore) -> None:
    assert store.log_spans.__wrapped__.__func__ is TraceOwners.log_spans


def make_span(trace: bytes, span: bytes, name: str, parent: bytes = b"") -> Span:
    end = time.time_ns()
    made = OtelSpan(trace_id=trace, span_id=span, parent_span_id=parent, name=name)
    made.start_time_unix_nano, made.end_time_unix_nano = end - 1_000_000, end
    return Span.from_otel_proto(made)


def make_info(trace: bytes, experiment: str, preview: str) -> TraceInfo:
    return TraceInfo(
        trace_id=f"tr-{trace.hex()}",
        trace_location=TraceLocation.from_experiment_id(experiment),
        request_time=int(time.time() * 1000),
        state=TraceState.OK,
        request_preview=preview,
    )


def names(store: SqlAlchemyStore, trace: bytes) -> set[str]:
    return {span.name for span in store.get_trace(f"tr-{trace.hex()}").data.spans}


def test_spans_are_stored_but_those_of_another_experiments_trace(
    store: SqlAlchemyStore, caplog: pytest.LogCaptureFixture
) -> None:
    own, other = store.create_experiment("own"), store.create_experiment("other")
    store.log_spans(own, [make_span(TRACE, ROOT, "root")])
    store.log_spans(own, [make_span(TRACE, CHILD, "child", ROOT)])
    foreign = [make_span(TRACE, ROOT, "replaced"), make_span(TRACE, b"\3" * 8, "added", ROOT)]
    stored = store.log_spans(other, [*foreign, make_span(OTHER, ROOT, "other's own")])
    assert names(store, TRACE) == {"root", "child"}
    assert names(store, OTHER) == {"other's own"}
    assert [span.name for span in stored] == ["other's own"]
    assert f"Experiment {other} sent 2 spans of traces that other experiments have" in caplog.text


def test_a_trace_cannot_be_taken_over_and_its_own_experiment_completes_it(store: SqlAlchemyStore) -> None:
    own, other = store.create_experiment("own-2"), store.create_experiment("other-2")
    trace, new = b"\4" * 16, b"\5" * 16
    store.log_spans(own, [make_span(trace, ROOT, "root")])
    with pytest.raises(MlflowException, match=f"is not in experiment {other}") as refused:
        store.start_trace(make_info(trace, other, "taken"))
    assert refused.value.get_http_status_code() == 403
    assert store.get_trace_info(f"tr-{trace.hex()}").experiment_id == own
    store.start_trace(make_info(trace, own, "completed"))
    assert store.get_trace_info(f"tr-{trace.hex()}").request_preview == "completed"
    store.start_trace(make_info(new, other, "new"))
    assert store.get_trace_info(f"tr-{new.hex()}").experiment_id == other


def test_mlflows_own_store_lets_a_trace_be_taken_over(uri: str, tmp_path: Path) -> None:
    # When this fails, MLflow has learnt the rule, and trace_owners can go.
    store = SqlAlchemyStore(uri, str(tmp_path))
    own, other = store.create_experiment("own-3"), store.create_experiment("other-3")
    trace = b"\6" * 16
    store.log_spans(own, [make_span(trace, ROOT, "root")])
    store.log_spans(other, [make_span(trace, ROOT, "replaced")])
    assert names(store, trace) == {"replaced"}
    store.start_trace(make_info(trace, other, "taken"))
    assert store.get_trace_info(f"tr-{trace.hex()}").experiment_id == other

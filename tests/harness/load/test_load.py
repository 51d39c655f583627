"""A load's traces are new, what was answered is counted, and the page is computed from the figures."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from harness.common.errors import HarnessError
from harness.load import __main__ as load
from harness.load import figures, page, questions, sending

STEP = figures.Step(
    rate=10.0,
    seconds=20.0,
    answers={"200": 200},
    queued={"otlp_http/mlflow": 500, "otlp_http/phoenix": 0},
    drain=5.0,
    stored={"mlflow": 200, "phoenix": 200},
    cpu={"otel-collector": 2.0, "mlflow": 20.0, "phoenix": 10.0},
    memory={"otel-collector": 2**26, "mlflow": 2**29, "phoenix": 2**29},
    grown={"mlflow": 200 * 2**30 // 10**5, "phoenix": 200 * 2**31 // 10**5},
    load=1.5,
)
RUN = figures.Figures("2026-11-26", "2 cores", "1 mlflow", 5, 34, 10, [STEP], {"passed": 3, "failed": 0})


@pytest.fixture
def collector() -> Iterator[tuple[str, list[bytes]]]:
    """Give the URL of a server that refuses each third request, and what it got."""
    got: list[bytes] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            got.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200 if len(got) % 3 else 503)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}", got
        server.shutdown()


def read(body: bytes) -> tuple[set[bytes], set[bytes], set[bytes], set[str]]:
    """Return the ids of traces and spans, the parents, and the values of attributes of a request."""
    request = ExportTraceServiceRequest.FromString(body)
    spans = [span for r in request.resource_spans for scope in r.scope_spans for span in scope.spans]
    attributes = [a for r in request.resource_spans for a in r.resource.attributes]
    attributes += [a for span in spans for a in span.attributes]
    parents = {span.parent_span_id for span in spans if span.parent_span_id}
    values = {attribute.value.string_value for attribute in attributes}
    return {span.trace_id for span in spans}, {span.span_id for span in spans}, parents, values


def test_each_question_is_a_whole_trace_of_its_own_with_a_session_and_an_agent() -> None:
    made = questions.Questions("run-1")
    first, second = read(made.make(3)), read(made.make(4))
    assert len(first[0]) == len(second[0]) == 1
    assert first[0] != second[0]
    assert len(first[1]) == made.spans
    assert first[1].isdisjoint(second[1])
    assert first[2] <= first[1], "no span is an orphan"
    assert {"run-1", "weather-agent-3", f"load-{first[0].copy().pop().hex()}"} <= first[3]
    assert "weather-agent-4" in second[3]


def test_all_are_sent_and_every_answer_is_counted(collector: tuple[str, list[bytes]]) -> None:
    url, got = collector
    sent = sending.send(url, questions.Questions("x"), rate=60.0, seconds=0.5, agents=7)
    assert sent.answers == {"200": 20, "503": 10}
    assert sent.accepted == 20
    assert sent.seconds >= 0.4, "not faster than asked for"
    assert len(set().union(*(read(body)[0] for body in got))) == 30


def test_a_collector_that_is_away_is_counted_as_such() -> None:
    sent = sending.send("http://127.0.0.1:1", questions.Questions("x"), rate=50.0, seconds=0.1, agents=1)
    assert sent.answers == {"ConnectionError": 5}


def test_what_is_lost_doubled_or_refused_is_a_problem() -> None:
    assert STEP.problems == []
    broken = replace(STEP, answers={"200": 199, "503": 1}, stored={"mlflow": 198, "phoenix": 200})
    assert broken.problems == [
        "1 traces were answered 503",
        "198 traces in mlflow, expected 199",
        "200 traces in phoenix, expected 199",
    ]


def test_figures_are_kept_and_the_page_computes_from_them(tmp_path: Path) -> None:
    figures.write(RUN, tmp_path / "load" / "load.json")
    assert figures.read(tmp_path / "load" / "load.json") == RUN
    text = page.write_markdown(RUN)
    assert "| 10 a second | 200 in 20 s | 200 | 200 | 200 | 500 spans | 5 s | 8.0 | 1.5 |" in text
    assert "| mlflow | 10.0 | 512 MiB |" in text, "20 s for 200 traces of 10 spans"
    assert "| 100 | 32 | 2.0 | 20.0 | 10.0 |" in text, "0.16 s a trace, and as much left free"
    assert "about one core: 20 questions a second" in text
    assert "| 1 million | 10 GiB | 20 GiB |" in text


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--rate", "0"], "'0' is no number above 0"),
        (["--rate", "fast"], "'fast' is no number above 0"),
        (["--seconds", "-1"], "'-1' is no number above 0"),
        (["--agents", "0"], "'0' is no number of agents from 1 to 10000"),
        (["--agents", "2.5"], "'2.5' is no number of agents from 1 to 10000"),
    ],
)
def test_bad_options_are_one_sentence(
    options: list[str], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["load", *options])
    with pytest.raises(SystemExit):
        load.main()
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("options", [[], ["--context", "production"]])
def test_a_cluster_that_is_not_named_gets_no_trace(
    options: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["load", *options])
    monkeypatch.setattr(load, "current_context", lambda: "mine")
    assert load.main() == 1
    assert "It stores traces in context mine: allow that with --context mine." in capsys.readouterr().err


def test_without_figures_there_is_no_page(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(load, "FIGURES", tmp_path / "load.json")
    with pytest.raises(HarnessError, match="run `tox -e load -- --context NAME` first"):
        load.write_docs()


def test_traces_that_are_stored_late_are_waited_for_and_lost_ones_are_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    late = iter([17, 19, 20])
    assert load.count_all(lambda: next(late), 20) == 20
    monkeypatch.setattr(load, "STORE_LIMIT", 0.3)
    assert load.count_all(lambda: 19, 20) == 19
    assert load.count_all(lambda: 21, 20) == 21, "doubled"


@pytest.mark.parametrize(
    ("run", "code", "said"),
    [
        (RUN, 0, ""),
        (replace(RUN, suite={}), 1, "The suite beside the load: none ran"),
        (replace(RUN, suite={"passed": 5, "failed": 1}), 1, "'failed': 1"),
        (replace(RUN, steps=[replace(STEP, stored={"mlflow": 199})]), 1, "10 a second: 199 traces in mlflow"),
    ],
)
def test_a_run_fails_where_a_trace_is_lost_or_the_suite_is_not_green(
    run: figures.Figures,
    code: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.argv", ["load", "--context", "mine"])
    monkeypatch.setattr(load, "current_context", lambda: "mine")
    monkeypatch.setattr(load, "measure", lambda *_: run)
    assert load.main() == code
    assert said in capsys.readouterr().err

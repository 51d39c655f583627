"""A load's traces are new, what was answered is counted, and the page is computed from the figures."""

from __future__ import annotations

import http.server
import json
import threading
from argparse import Namespace
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from harness.common.errors import HarnessError
from harness.load import __main__ as load
from harness.load import figures, measuring, outage, page, questions, sending, suite
from harness.load.measuring import Stored, Usage

STEP = figures.Step(
    rate=10.0,
    seconds=20.0,
    answers={"200": 200},
    queued={"otlp_http/mlflow": 1500, "otlp_http/phoenix": 0},
    drained={"otlp_http/mlflow": 5.0, "otlp_http/phoenix": 0.4},
    stored={"mlflow": 200, "phoenix": 200},
    spans={"mlflow": 2000, "phoenix": 2000},
    cpu={"otel-collector": 2.0, "mlflow": 20.0, "phoenix": 10.0},
    memory={"otel-collector": 2**26, "mlflow": 2**29, "phoenix": 2**29},
    grown={"mlflow": 200 * 2**30 // 10**5, "phoenix": 200 * 2**31 // 10**5},
    load=1.5,
)
AWAY = replace(STEP, away=75.0, cpu={"otel-collector": 9.0, "mlflow": 1.0, "phoenix": 9.0})
GREEN = figures.SuiteRun({"It Arrives": "PASS"}, "MLflow: 2.50 s", "")
RED = figures.SuiteRun({"It Arrives": "FAIL"}, "", "MLflow has no trace.")
RUN = figures.Figures(
    "default", "2026-11-26", "2 cores", "1 mlflow", 5, 34, 10, [replace(STEP, suite=GREEN), AWAY]
)


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


def test_only_the_spans_that_the_filter_keeps_are_made_and_the_session_can_be_given() -> None:
    made = questions.Questions("run-1", kept_only=True)
    trace_ids, span_ids, parents, values = read(made.make(0, "a session"))
    assert (len(trace_ids), len(span_ids)) == (1, made.kept)
    assert made.spans == made.kept
    assert parents <= span_ids, "no span is an orphan"
    assert "a session" in values


def test_all_are_sent_and_every_answer_is_counted(collector: tuple[str, list[bytes]]) -> None:
    url, got = collector
    sent = sending.send([url], questions.Questions("x"), rate=60.0, seconds=0.5, agents=7)
    assert sent.answers == {"200": 20, "503": 10}
    assert sent.accepted == 20
    assert sent.seconds >= 0.4, "not faster than asked for"
    assert len(set().union(*(read(body)[0] for body in got))) == 30


def test_a_collector_that_is_away_is_counted_as_such() -> None:
    sent = sending.send(["http://127.0.0.1:1"], questions.Questions("x"), rate=50.0, seconds=0.1, agents=1)
    assert sent.answers == {"ConnectionError": 5}


def test_each_collector_gets_its_part(collector: tuple[str, list[bytes]]) -> None:
    url, got = collector
    urls = [url, "http://127.0.0.1:1"]
    sent = sending.send(urls, questions.Questions("x"), rate=60.0, seconds=0.1, agents=1)
    assert (len(got), sent.answers["ConnectionError"]) == (3, 3)


def test_a_stopped_run_sends_no_more(
    collector: tuple[str, list[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, got = collector

    class Stopped(threading.Thread):
        def join(self, *_: object) -> None:
            raise KeyboardInterrupt

    made = questions.Questions("x")
    with monkeypatch.context() as patched:
        patched.setattr("threading.Thread", Stopped)
        with pytest.raises(KeyboardInterrupt):
            sending.send([url], made, rate=1.0, seconds=60.0, agents=1)
    for thread in threading.enumerate():
        if isinstance(thread, Stopped):
            threading.Thread.join(thread, 5)
            assert not thread.is_alive()
    assert len(got) <= 1


def test_what_is_lost_doubled_or_refused_is_a_problem() -> None:
    assert STEP.find_problems(10) == []
    broken = replace(
        STEP,
        answers={"200": 199, "503": 1},
        stored={"mlflow": 198, "phoenix": 200},
        spans={"mlflow": 1989, "phoenix": 1990},
    )
    assert broken.find_problems(10) == [
        "1 traces were answered 503",
        "198 traces in mlflow, expected 199",
        "200 traces in phoenix, expected 199",
        "1989 spans in mlflow, expected 1990",
    ]


def test_the_suite_must_be_green_beside_a_rate_that_is_not_too_much() -> None:
    assert replace(STEP, suite=GREEN).find_problems(10) == []
    assert replace(STEP, suite=RED).find_problems(10) == ["the suite failed beside it: MLflow has no trace."]
    nothing = replace(STEP, suite=figures.SuiteRun({}, "", ""))
    assert nothing.find_problems(10) == ["the suite failed beside it: no test ran"]
    assert replace(STEP, suite=RED, beyond=True).find_problems(10) == []


def test_figures_are_kept_and_the_page_computes_from_them(tmp_path: Path) -> None:
    figures.write(RUN, tmp_path / "load" / "load.json")
    assert figures.read(tmp_path / "load" / "load.json") == RUN
    text = page.write_markdown([RUN])
    assert (
        "| 200 in 20 s (10 a second) | 200 | 200, 2,000 spans | 200, 2,000 spans | MLflow 1,500; Phoenix 0 "
        "| MLflow 5 s; Phoenix 0 s | MLflow 300; Phoenix - | 1.5 |"
    ) in text
    assert "| 200 in 20 s (10 a second, MLflow away for 75 s) |" in text
    assert "| the suite beside it | 10 a second |" in text
    assert "| It Arrives | PASS |" in text
    assert "| its own trace | MLflow: 2.50 s |" in text
    assert "| mlflow | 10.0 | 512 MiB (+0.0 MiB per 1,000 spans) |" in text, "20 s for 200 traces of 10 spans"
    assert "| 100 | 32 | 2.0 | 20.0 | 10.0 |" in text, "0.16 s a trace, and as much left free"
    assert "about one core: 20 questions a second" in text
    assert "| 1 million | 10 GiB | 20 GiB |" in text
    assert "| 10 | 16.7 min | 6,000 spans |" in text, "100,000 spans at 100 a second"


def test_an_outage_counts_for_no_cost_and_memory_is_compared_with_the_first_step() -> None:
    grown = replace(STEP, memory={name: size + 2**23 for name, size in STEP.memory.items()})
    text = page.write_markdown([replace(RUN, steps=[STEP, grown, AWAY])])
    assert "| mlflow | 10.0 | 520 MiB (+4.0 MiB per 1,000 spans) |" in text, "8 MiB by 2,000 spans"


def test_the_page_has_several_runs_side_by_side() -> None:
    text = page.write_markdown([RUN, replace(RUN, name="high-availability", deployed="2 mlflow")])
    assert "## Measured: default" in text
    assert "pods: 2 mlflow." in text[text.index("## Measured: high-availability") :]
    assert "| mlflow | 10.0 | 10.0 | 512 MiB (+0.0 MiB per 1,000 spans) | 512 MiB (+" in text
    assert "400 traces (default), 400 traces (high-availability)" in text


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--rate", "0"], "'0' is no number above 0"),
        (["--rate", "fast"], "'fast' is no number above 0"),
        (["--seconds", "-1"], "'-1' is no number above 0"),
        (["--agents", "0"], "'0' is no whole number from 1 to 10000"),
        (["--agents", "10001"], "'10001' is no whole number from 1 to 10000"),
        (["--overload", "0"], "'0' is no number above 0"),
        (["--outage", "a minute"], "'a minute' is no number above 0"),
        (["--name", "../x"], "'../x' is no name of lower-case letters, digits and dashes"),
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


def test_the_steps_are_the_rates_then_the_overload_and_the_outage() -> None:
    asked = Namespace(rate=[2.0, 5.0], seconds=30.0, agents=7, overload=40.0, outage=60.0)
    assert load.make_plans(asked) == [
        load.Plan(2.0, 30.0, 7),
        load.Plan(5.0, 30.0, 7, suite=True),
        load.Plan(40.0, 30.0, 7, suite=True, beyond=True),
        load.Plan(5.0, 60.0, 7, outage=True),
    ]
    plain = Namespace(rate=None, seconds=30.0, agents=7, overload=None, outage=None)
    assert [plan.rate for plan in load.make_plans(plain)] == list(load.RATES)


def test_the_page_is_written_from_the_figures_of_all_runs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(load, "RESULTS", tmp_path)
    monkeypatch.setattr(load, "PAGE", tmp_path / "capacity.md")
    with pytest.raises(HarnessError, match="run `tox -e load -- --context NAME` first"):
        load.write_docs()
    for name in ("high-availability", "default"):
        figures.write(replace(RUN, name=name), tmp_path / f"{name}.json")
    text = load.write_docs().read_text()
    assert text.index("## Measured: default") < text.index("## Measured: high-availability")


def test_traces_that_are_stored_late_are_waited_for_and_lost_ones_are_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    late = iter([Stored(17, 170), Stored(20, 190), Stored(20, 200)])
    assert load.count_all(lambda: next(late), Stored(20, 200)) == Stored(20, 200)
    monkeypatch.setattr(load, "STORE_LIMIT", 0.3)
    assert load.count_all(lambda: Stored(20, 199), Stored(20, 200)) == Stored(20, 199)
    assert load.count_all(lambda: Stored(21, 210), Stored(20, 200)) == Stored(21, 210), "doubled"


def test_the_suite_runs_beside_what_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    sending_began, suite_began = threading.Event(), threading.Event()

    def run_suite(_: Path) -> figures.SuiteRun:
        suite_began.set()
        assert sending_began.wait(5)
        return GREEN

    def send(urls: list[str], *_: object) -> sending.Sent:
        sending_began.set()
        assert suite_began.wait(5)
        return sending.Sent({urls[0]: 1}, 1.0)

    monkeypatch.setattr(measuring, "forwarded_collectors", lambda: nullcontext(["http://127.0.0.1:1"]))
    monkeypatch.setattr(measuring, "read_queues", lambda: {"mlflow": 7})
    monkeypatch.setattr(measuring, "wait_until_drained", lambda _: {"mlflow": 1.0})
    monkeypatch.setattr(load, "run_suite", run_suite)
    monkeypatch.setattr(load, "send", send)
    course = load.run_step(load.Plan(1.0, 1.0, 1, suite=True), questions.Questions("x"))
    assert (course.suite, course.queued, course.away) == (GREEN, {"mlflow": 7}, 0.0)
    assert course.sent.answers == {"http://127.0.0.1:1/v1/traces": 1}
    alone = load.run_step(load.Plan(1.0, 1.0, 1), questions.Questions("x"))
    assert alone.suite is None


def test_a_pod_that_is_new_counts_from_its_start() -> None:
    before = {"mlflow": {"old": Usage(50.0, 0), "stays": Usage(10.0, 0)}}
    after = {"mlflow": {"stays": Usage(13.0, 0), "new": Usage(4.0, 0)}}
    assert measuring.used_between(before, after) == {"mlflow": 7.0}


def test_a_queue_is_drained_when_it_is_first_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = iter([{"a": 5, "b": 0}, None, {"a": 3, "b": 0}, {"a": 0, "b": 0}])

    def read_queues() -> dict[str, int]:
        if (found := next(sizes)) is None:
            raise HarnessError("`kubectl get` failed: it took too long")
        return found

    monkeypatch.setattr(measuring, "read_queues", read_queues)
    drained = measuring.wait_until_drained(10.0)
    assert drained["b"] < 0.2 < drained["a"]
    monkeypatch.setattr(measuring, "read_queues", lambda: {"a": 1})
    with pytest.raises(HarnessError, match="The collector's queues are not empty within"):
        measuring.wait_until_drained(0.3)


def test_pods_are_described_by_their_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    container = {"resources": {"limits": {"cpu": "2", "memory": "2Gi"}}}
    pod = {"metadata": {}, "spec": {"containers": [container]}}
    ending = {**pod, "metadata": {"deletionTimestamp": "2026-11-26T20:08:00Z"}}
    pods = {"mlflow": [ending, pod, pod], "postgres": [{"metadata": {}, "spec": {"containers": [{}]}}]}
    monkeypatch.setattr(measuring, "COMPONENTS", tuple(pods))
    monkeypatch.setattr(measuring, "pods_of", pods.__getitem__)
    assert measuring.describe_pods() == (
        "2 mlflow (CPU 2, memory 2Gi each), 1 postgres (CPU without limit, memory without limit)"
    )


class Scaled:
    """kubectl of a cluster with MLflow's Deployment: it notes what is done, and its pods follow at once."""

    def __init__(self, replicas: int) -> None:
        """Have so many pods."""
        self.replicas, self.done, self.broken = replicas, list[str](), False

    def __call__(self, verb: str, *arguments: str, **_: object) -> str:
        """Return what kubectl prints."""
        if verb == "get" and arguments[0] == "pods":
            ready = {"metadata": {}, "status": {"conditions": [{"type": "Ready", "status": "True"}]}}
            return json.dumps({"items": [ready] * self.replicas})
        if verb == "get":
            return json.dumps({"spec": {"replicas": self.replicas}})
        if self.broken:
            raise HarnessError("`kubectl scale` failed: no connection.")
        self.done.append(" ".join((verb, *arguments)))
        if verb == "scale":
            self.replicas = int(arguments[-1].partition("=")[2])
        return ""


@pytest.fixture
def scaled(monkeypatch: pytest.MonkeyPatch) -> Scaled:
    made = Scaled(3)
    monkeypatch.setattr(outage, "kubectl", made)
    return made


def test_mlflow_goes_and_comes_back_with_as_many_pods(
    scaled: Scaled, capsys: pytest.CaptureFixture[str]
) -> None:
    with outage.mlflow_away():
        assert scaled.replicas == 0
    assert scaled.replicas == 3
    hint = "kubectl scale deployment/mlflow --namespace=kagenti-system --replicas=3"
    assert hint in capsys.readouterr().out, "for the one whose run is killed"


@pytest.mark.parametrize("stop", [KeyboardInterrupt, HarnessError("x")])
def test_mlflow_comes_back_whatever_ends_the_run(scaled: Scaled, stop: BaseException) -> None:
    with pytest.raises((KeyboardInterrupt, HarnessError)), outage.mlflow_away():
        raise stop
    assert scaled.replicas == 3


def test_an_mlflow_that_does_not_come_back_is_reported_with_the_command(scaled: Scaled) -> None:
    said = r"MLflow is not back: .* Try `kubectl scale .*--replicas=3`"
    with pytest.raises(HarnessError, match=said), outage.mlflow_away():
        scaled.broken = True


def test_an_mlflow_that_is_away_already_is_not_scaled(scaled: Scaled) -> None:
    scaled.replicas = 0
    with pytest.raises(HarnessError, match="MLflow is away already"), outage.mlflow_away():
        pytest.fail("it must not begin")
    assert scaled.done == []


def test_the_suites_own_report_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "beside.robot").write_text(
        "*** Test Cases ***\n"
        "It Arrives\n    [Tags]    arrival\n"
        "    Set Test Message    MLflow: Trace 63ea8b99, 10 spans, whole 2.5 s after it.\n"
        "It Arrives There\n    [Tags]    arrival\n    Set Test Message    Phoenix: 3.1 s\n"
        "It Is Right\n    Fail    The first line.\\nThe second.\n"
        "It Has Pages\n    Skip\n"
    )
    monkeypatch.setattr(suite, "SUITE", tmp_path / "beside.robot")
    read = suite.run_suite(tmp_path)
    assert list(read.tests.values()) == ["PASS", "PASS", "FAIL", "SKIP"]
    assert (read.arrival, read.failure) == (
        "MLflow: 10 spans, whole 2.5 s after it; Phoenix: 3.1 s",
        "The first line.",
    )
    monkeypatch.setattr(suite, "SUITE", tmp_path / "none.robot")
    nothing = suite.run_suite(tmp_path)
    assert nothing.tests == {}
    assert "wrote no" in nothing.failure, "the report before is not read again"


@pytest.mark.parametrize(
    ("run", "code", "said"),
    [
        (RUN, 0, ""),
        (replace(RUN, steps=[replace(STEP, suite=RED)]), 1, "10 a second: the suite failed beside it"),
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
    monkeypatch.setattr(load, "stop_when_terminated", lambda: None)
    monkeypatch.setattr(load, "measure", lambda *_: run)
    assert load.main() == code
    assert said in capsys.readouterr().err

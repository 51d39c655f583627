"""Books that do not balance are found, hop by hop; other traffic is told apart and is no defect."""

from __future__ import annotations

import pytest
from collector import ACCEPTED, FAILED, FILTERED, NOT_QUEUED, QUEUED, REFUSED, SENT, UPTIME, Exporter, Metrics
from conservation import NOT_ACCEPTED, Balance, Conservation, weigh
from trace_model import Span, Trace

EXPORTERS = {name: Exporter(f"otlp_http/{name}", f"traces/{name}", "", {}) for name in ("mlflow", "phoenix")}
START = {(ACCEPTED, ""): 100, (SENT, "mlflow"): 100, (SENT, "phoenix"): 100, (UPTIME, ""): 10}
GOOD = {(ACCEPTED, ""): 150, (SENT, "mlflow"): 150, (SENT, "phoenix"): 150, (UPTIME, ""): 20}
Counts = dict[tuple[str, str], int]


def metrics(counts: Counts) -> Metrics:
    return Metrics(
        {
            (name, frozenset({("exporter", EXPORTERS[to].name)} if to else ())): value
            for (name, to), value in counts.items()
        }
    )


def balance(changes: Counts, ours: int = 50, mlflow: int = 50, phoenix: int = 50) -> Balance:
    after = metrics(GOOD | changes)
    return weigh(metrics(START), after, EXPORTERS, ours, {"mlflow": mlflow, "phoenix": phoenix})


def test_balanced_books_have_no_problem() -> None:
    assert balance({}) == Balance(balance({}).hops, [], 0)


def test_traffic_of_others_is_told_apart_and_must_be_conserved_too() -> None:
    more: Counts = {(ACCEPTED, ""): 157, (SENT, "mlflow"): 157, (SENT, "phoenix"): 157}
    assert not balance(more).problems
    assert balance(more).foreign == 7
    assert "mlflow sent 50" in balance(more | {(SENT, "mlflow"): 150}).problems[0]


def test_what_the_filter_drops_in_each_pipeline_is_accounted_for() -> None:
    dropped: Counts = {(ACCEPTED, ""): 153, (FILTERED, ""): 6}
    assert not balance(dropped).problems
    assert balance(dropped).hops["dropped by the filter"] == 3
    assert any("did not drop the same" in each for each in balance(dropped | {(FILTERED, ""): 5}).problems)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({(ACCEPTED, ""): 140}, "receiver accepted 40"),
        ({(REFUSED, ""): 1}, "refused 1"),
        ({(NOT_ACCEPTED, ""): 1}, "failed on 1"),
        ({(SENT, "phoenix"): 149}, "otlp_http/phoenix sent 49"),
        ({(SENT, "mlflow"): 160}, "otlp_http/mlflow sent 60"),
        ({(FAILED, "mlflow"): 2}, "otlp_http/mlflow dropped 2"),
        ({(NOT_QUEUED, "phoenix"): 3}, "could not queue 3"),
        ({(QUEUED, "mlflow"): 4}, "holds 4"),
        ({(UPTIME, ""): 1}, "started anew"),
    ],
)
def test_every_loss_is_named_with_its_hop(changes: Counts, word: str) -> None:
    assert any(word in problem for problem in balance(changes).problems)


def test_a_backend_that_stores_too_little_or_too_much_is_named() -> None:
    assert balance({}, mlflow=49).problems == ["50 spans ended in the agent, mlflow stores 49 of them"]
    assert balance({}, phoenix=51).problems == ["50 spans ended in the agent, phoenix stores 51 of them"]


def test_the_failure_shows_every_hop() -> None:
    stored = {"mlflow": 50, "phoenix": 0}
    with pytest.raises(AssertionError, match=r"phoenix stores 0 .*accepted by the receiver 50"):
        Conservation().spans_should_be_conserved(metrics(START), metrics(GOOD), EXPORTERS, 50, stored)


def test_others_are_described_by_service_and_session() -> None:
    def trace(session: str) -> Trace:
        span = Span("a" * 32, "1" * 16, None, "x", "AGENT", 1, 2, "OK", attributes={"session.id": session})
        return Trace("a" * 32, (span,), "mlflow")

    said = Conservation().describe_others([trace("ours-001"), trace("theirs")], "ours")
    assert "session theirs" in said
    assert "ours-001" not in said
    assert "of no trace" in Conservation().describe_others([trace("ours-001")], "ours")

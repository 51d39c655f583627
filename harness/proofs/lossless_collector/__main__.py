"""Proves that the stack's collector starts with any damaged queue, waits with a full one, and loses no span.

    python -m harness.proofs.lossless_collector

It needs no cluster. It compiles the collector of the overlays (some minutes the first time) and runs it with
the stack's own configuration, with a sink in MLflow's place. Run it for a new version of the collector:
check_queue.py reads the queue in the way of the collector's own library.
"""

from __future__ import annotations

import contextlib
import json
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from http import HTTPStatus
from pathlib import Path

import requests

from harness.common.errors import HarnessError, reports_errors
from harness.common.loopback import free_port
from harness.images.contexts import find_collector
from harness.proofs.lossless_collector.collector import (
    BUILDER,
    COMPONENTS,
    PHOENIX_PIPELINE,
    Collector,
    Sink,
    make_request,
    send,
    spans_of,
)

CHECK = COMPONENTS / "collector" / "check_queue.py"
WAITING = 100  # requests that wait in the queue before it is damaged
RANDOM_DAMAGES = 20
QUEUE, PART = (
    1_000,
    400,
)  # spans of a queue, in which a batch must fit, and of a request: the third does not fit
PATIENCE = 3.0  # seconds that an agent waits for an answer while the queue is full
LARGEST_REQUEST = 20 * 2**20  # bytes that the receiver takes
HALF, LONE_SURROGATE = "HALF", b"a\xed\xa0\x80"  # what stands for half a character, and that: no UTF-8

Damage = Callable[[bytes], bytes]
DAMAGES: Mapping[str, Damage] = {
    "no bytes": lambda _: b"",
    "half of it": lambda data: data[: len(data) // 2],
    "other bytes": lambda data: random.Random(1).randbytes(len(data)),  # noqa: S311 - no secret
    "other bytes in the middle": lambda data: overwrite(data, len(data) // 3, len(data) // 3),
    "no damage": lambda data: data,
}


def overwrite(data: bytes, start: int, length: int) -> bytes:
    """Return the bytes with others from a place on."""
    other = random.Random(start).randbytes(length)  # noqa: S311 - no secret
    return data[:start] + other + data[start + length :]


def find_damages(size: int) -> Mapping[str, Damage]:
    """Return ways to damage a file of so many bytes: the known ones, and bytes that differ here and there."""
    chosen = random.Random(size)  # noqa: S311 - no secret
    places = [(chosen.randrange(size), chosen.choice([1, 16, 5000])) for _ in range(RANDOM_DAMAGES)]
    return {
        **DAMAGES,
        **{
            f"{length} other bytes at {start}": partial(overwrite, start=start, length=length)
            for start, length in places
        },
    }


def prove_starts(program: Path, folder: Path) -> None:
    """Damage the queue in each way, and start a collector on it. Raises HarnessError where that fails."""
    filled = Collector(program, folder)
    with filled.run(mlflow=free_port()) as url:
        for _ in range(WAITING):
            send(url, make_request(attributes={"text": "x" * 1000}).SerializeToString())
    (queue,) = (folder / "queue").iterdir()
    whole = queue.read_bytes()
    for name, damage in find_damages(len(whole)).items():
        for file in queue.parent.iterdir():  # also what was moved aside
            file.unlink()
        queue.write_bytes(damage(whole))
        said = subprocess.run(
            [sys.executable, CHECK, folder], check=True, capture_output=True, text=True
        ).stdout.partition("\n")[0]
        try:
            with Collector(program, folder).run(mlflow=free_port()) as url:
                answer = send(url, make_request().SerializeToString())
        except HarnessError as error:
            raise HarnessError(
                f"The collector does not start with {name}; check_queue said: {said}"
            ) from error
        if answer != HTTPStatus.OK:
            raise HarnessError(f"The collector answers {answer} with {name}; check_queue said: {said}")
        print(f"It starts with {name}: {said}")


def prove_arrives(program: Path, folder: Path) -> None:
    """Send difficult requests; each must arrive whole. Raises HarnessError where one does not."""
    again = make_request()
    requests = {
        "300 attributes": make_request(attributes={f"key {number}": "value" for number in range(300)}),
        "an attribute of 10 MB": make_request(attributes={"text": "x" * 10_000_000}),
        "5,000 spans": make_request(spans=5_000),
        "a NUL in a text": make_request(attributes={"text": "one\0two"}),
        "half a character in a text": make_request(attributes={"text": HALF}),
        "spans for the first time": again,
        "the same spans again": again,
    }
    sink = Sink()
    with sink.serve(), Collector(program, folder).run(sink.server_port) as url:
        for name, request in requests.items():
            sink.span_ids.clear()
            answer = send(url, request.SerializeToString().replace(HALF.encode(), LONE_SURROGATE))
            if answer != HTTPStatus.OK:
                raise HarnessError(f"The collector answers {answer} to {name}, expected 200.")
            sent = sorted(span.span_id for span in spans_of(request))
            sink.wait_for_spans(len(sent), name)
            if sorted(sink.span_ids) != sent:
                raise HarnessError(
                    f"{name}: {len(sink.span_ids)} spans arrived, {len(sent)} others were sent."
                )
            print(f"It sends on {name}: {len(sent)} spans.")
        answer = send(url, make_request(attributes={"text": "x" * LARGEST_REQUEST}).SerializeToString())
        if answer != HTTPStatus.BAD_REQUEST:
            raise HarnessError(f"The collector answers {answer} to a request above 20 MiB, expected 400.")
        print("It answers 400 to a request above 20 MiB.")


def prove_waits(program: Path, folder: Path) -> None:
    """Fill MLflow's queue while it is away: no span of the agent is refused, and Phoenix gets all.

    Raises HarnessError where it is not so.
    """
    phoenix, port = Sink(), free_port()
    place = {"traces_endpoint": f"http://127.0.0.1:{phoenix.server_port}/v1/traces"}
    small = {"sending_queue": {"queue_size": QUEUE}}
    exporters = {"otlp_http/mlflow": small, "otlp_http/phoenix": place}
    more = [str(PHOENIX_PIPELINE), f"yaml:{json.dumps({'exporters': exporters})}"]
    *fitting, late = [make_request(spans=PART) for _ in range(3)]
    sent = sorted(span.span_id for request in (*fitting, late) for span in spans_of(request))
    with phoenix.serve(), Collector(program, folder).run(port, more) as url:
        for request in fitting:
            if (answer := send(url, request.SerializeToString())) != HTTPStatus.OK:
                raise HarnessError(f"The collector answers {answer} before its queue is full, expected 200.")
        with contextlib.suppress(requests.ReadTimeout):
            answer = send(url, late.SerializeToString(), PATIENCE)
            raise HarnessError(f"The collector answers {answer} while its queue is full, expected none.")
        phoenix.wait_for_spans(len(sent), "MLflow's queue is full, and Phoenix")
        print(
            f"It gives no answer while MLflow's queue is full; Phoenix has all {len(sent)} spans meanwhile."
        )
        mlflow = Sink(port)
        with mlflow.serve():
            if (answer := send(url, late.SerializeToString())) != HTTPStatus.OK:
                raise HarnessError(f"The collector answers {answer} when MLflow is back, expected 200.")
            mlflow.wait_for_spans(len(sent), "MLflow is back")
    if sorted(mlflow.span_ids) != sent:
        raise HarnessError(f"MLflow is back: {len(mlflow.span_ids)} spans arrived, {len(sent)} were sent.")
    print(f"It takes the rest when MLflow is back: all {len(sent)} spans arrived, each once.")


@reports_errors
def main() -> int:
    """Prove it; return 1, with one sentence, when a promise does not hold."""
    program = find_collector(BUILDER)
    for prove in (prove_starts, prove_arrives, prove_waits):
        with tempfile.TemporaryDirectory() as folder:
            prove(program, Path(folder))
    return 0


if __name__ == "__main__":
    sys.exit(main())

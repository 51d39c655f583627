"""What the proof with the stack's own collector damages, sends, and takes in MLflow's place."""

import gzip

import requests

from harness.proofs.lossless_collector.__main__ import HALF, LONE_SURROGATE, find_damages
from harness.proofs.lossless_collector.collector import CONFIGS, Sink, make_request, spans_of


def test_the_configuration_is_the_overlays_own() -> None:
    assert all(config.is_file() for config in CONFIGS)


def test_each_damage_but_one_changes_the_file() -> None:
    whole = bytes(range(256)) * 64
    damaged = {name: damage(whole) for name, damage in find_damages(len(whole)).items()}
    assert damaged.pop("no damage") == whole
    assert all(data != whole for data in damaged.values())
    assert len(damaged) >= 20


def test_the_sink_rejects_what_mlflow_rejects() -> None:
    sink, request = Sink(), make_request(attributes={"text": HALF})
    body = request.SerializeToString()
    with sink.serve():
        url = f"http://127.0.0.1:{sink.server_port}/v1/traces"
        bad = requests.post(url, gzip.compress(body.replace(HALF.encode(), LONE_SURROGATE)), timeout=5)
        assert (bad.status_code, sink.span_ids) == (400, [])
        assert requests.post(url, gzip.compress(body), timeout=5).status_code == 200
    assert sink.span_ids == [span.span_id for span in spans_of(request)]

"""A run that failed leaves a bundle: what the cluster shows, masked, and in its index what it lacks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from robot.api import ExecutionResult
from robot.api.types import Secret

from bundle.folder import INDEX, TITLE, make_content
from bundle.parts import Parts
from kube.client import ClusterError
from kube.model import Object
from pipeline.collector import Collector
from pipeline.effective import Configuration
from secrecy.masking import Masks
from secrecy.places import MOST_LINES, Places, Texts
from secrecy.values import SecretValues
from tests.libraries.api_server import ANSWERS, ApiServer, make_kubeconfig, run_api_server
from tests.libraries.test_resources import ROOT, run
from tests.libraries.test_secrecy import NAMESPACE, _Objects, _Pods, secret
from tests.libraries.test_secrecy import pod as pod_of
from tests.robot_process import run_robot
from traces.looked_at import MOST, LookedAt
from traces.model import Span, Trace

KINDS = ("Pod", "Event", "ConfigMap", "Service", "PersistentVolumeClaim")
SUITE = """
Suite Setup       Keep Agent Metrics Of Start
Suite Teardown    Make Bundle

*** Variables ***
${SYSTEM_NAMESPACE}    n
${AGENTS_NAMESPACE}    n

*** Test Cases ***
Fails
    Fail    It is broken.
"""
POD = {
    "metadata": {"name": "p", "namespace": "n", "managedFields": [{"manager": "kubectl"}]},
    "spec": {"containers": [{"name": "c", "env": [{"name": "PASSWORD", "value": "opaque-word-of-ours"}]}]},
}
EVENTS: list[Object] = [
    {
        "metadata": {"name": f"e{number}", "namespace": "n"},
        "involvedObject": {"kind": "Pod", "name": "p"},
        "type": "Warning",
        "reason": reason,
        "message": "so it\nis",
        "count": number if number > 1 else None,
        "lastTimestamp": f"2026-11-26T08:0{number}:00Z",
    }
    for number, reason in ((2, "BackOff"), (1, "Failed"))
]


def listed(*items: Object) -> tuple[int, Any]:
    return 200, {"apiVersion": "v1", "kind": "List", "metadata": {}, "items": list(items)}


@pytest.fixture
def cluster() -> Iterator[ApiServer]:
    """Run an API server that has a pod, its log, two events and a Secret, and may not show ConfigMaps."""
    with run_api_server() as server:
        resources = [
            {"name": f"{kind.lower()}s", "kind": kind, "namespaced": True, "verbs": ["get", "list"]}
            for kind in KINDS
        ]
        known = ANSWERS["/api/v1"][1]["resources"]
        server.answers["/api/v1"] = (200, {"kind": "APIResourceList", "resources": [*known, *resources]})
        server.answers |= {f"/api/v1/namespaces/n/{kind.lower()}s": listed() for kind in KINDS}
        server.answers["/api/v1/namespaces/n/pods"] = listed(POD)
        server.answers["/api/v1/namespaces/n/events"] = listed(*EVENTS)
        server.answers["/api/v1/namespaces/n/configmaps"] = (403, {"message": "configmaps is forbidden"})
        made = {**secret("mlflow", password="opaque-word-of-ours", pin="1234"), "type": "Opaque"}  # noqa: S106 - nobody's
        made["metadata"]["namespace"] = "n"
        server.answers["/api/v1/namespaces/n/secrets"] = listed(made)
        server.answers["/api/v1/namespaces/n/pods/p/log"] = (200, "one\nlogged in with opaque-word-of-ours\n")
        yield server


def write_kubeconfig(folder: Path, server: ApiServer) -> None:
    """Write the kubeconfig that `run` names."""
    content = make_kubeconfig(f"http://127.0.0.1:{server.port}")
    (folder / "none").write_text(json.dumps(content), encoding="utf-8")


def test_a_bundle_has_what_can_be_read_without_secrets(cluster: ApiServer, tmp_path: Path) -> None:
    write_kubeconfig(tmp_path, cluster)
    suite = run(tmp_path, "bundle.resource", SUITE)
    bundle = tmp_path / "bundle"
    files = {
        str(path.relative_to(bundle)): path.read_text(encoding="utf-8")
        for path in bundle.rglob("*")
        if path.is_file()
    }
    assert set(files) == {INDEX, "events.txt", "secrets.txt", "logs/n/p/c.log", "objects/n/Pod.json"}
    assert files["events.txt"] == (
        "2026-11-26T08:01:00Z Warning n Pod/p Failed: so it is\n"
        "2026-11-26T08:02:00Z Warning n Pod/p BackOff: so it is (2 times)\n"
    )
    assert files["secrets.txt"] == "n/mlflow (Opaque)\n  password: 19 characters\n  pin: 4 characters\n"
    assert files["logs/n/p/c.log"] == "one\nlogged in with <masked 1>"
    (pod,) = json.loads(files["objects/n/Pod.json"])["items"]
    assert (pod["apiVersion"], pod["kind"], pod["metadata"]) == ("v1", "Pod", {"name": "p", "namespace": "n"})
    assert pod["spec"]["containers"][0]["env"][0]["value"] == "<masked 1>"
    assert not [path for path, text in files.items() if "opaque-word-of-ours" in text]
    index = files[INDEX]
    assert index.startswith(TITLE)
    for line in (
        "Not read: Cannot read ConfigMaps in namespace n: 403 configmaps is forbidden; docs/permissions.yaml",
        "Not read: the metrics of weather-agent (",
        "<masked 1>, 2 times: Secret n/mlflow, key password",
    ):
        assert f"\n  {line}" in index
    assert suite.metadata["Bundle"].startswith("[bundle/README.txt|bundle/README.txt], 5 files, 0.0 MB; ")
    assert suite.message.splitlines()[-1].startswith(f"Bundle: {bundle / INDEX}, 5 files, 0.0 MB; ")
    assert suite.tests[0].message == "It is broken."


def test_without_a_cluster_the_bundle_says_so_and_nothing_else(tmp_path: Path) -> None:
    looked = "Evaluate    traces.looked_at.LOOKED_AT.keep(traces.model.Trace('1', (), 'mlflow'))"
    suite = run(tmp_path, "bundle.resource", SUITE.replace("    Fail", f"    {looked}\n    Fail"))
    assert [path.name for path in (tmp_path / "bundle").iterdir()] == [INDEX]
    index = (tmp_path / "bundle" / INDEX).read_text(encoding="utf-8")
    assert "\n  Not read: No cluster to verify: there is no kubeconfig (" in index
    assert "\n  Left out: traces/mlflow-1.json, because the values of Secrets are not known, " in index
    assert suite.tests[0].message == "It is broken."


def test_namespaces_that_can_be_found_are_in_the_bundle_without_the_others(
    cluster: ApiServer, tmp_path: Path
) -> None:
    write_kubeconfig(tmp_path, cluster)
    cluster.answers["/api/v1/services"] = listed()
    run(
        tmp_path,
        "bundle.resource",
        SUITE.replace("${AGENTS_NAMESPACE}    n", "${AGENTS_NAMESPACE}    ${EMPTY}"),
    )
    assert (tmp_path / "bundle" / "logs" / "n" / "p" / "c.log").exists()
    index = (tmp_path / "bundle" / INDEX).read_text(encoding="utf-8")
    assert index.count("Not read: No namespace has Service weather-service: ") == 1


def test_secrets_that_may_not_be_read_are_a_warning(cluster: ApiServer, tmp_path: Path) -> None:
    cluster.answers["/api/v1/namespaces/n/secrets"] = (403, {"message": "secrets is forbidden"})
    write_kubeconfig(tmp_path, cluster)
    suite = run(tmp_path, "bundle.resource", SUITE)
    assert "look for secrets in it before you send it" in suite.message.splitlines()[-1]


def test_a_folder_that_is_no_bundle_stays_and_the_run_s_result_too(tmp_path: Path) -> None:
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "mine.txt").write_text("mine")
    suite = run(tmp_path, "bundle.resource", SUITE)
    assert [path.name for path in (tmp_path / "bundle").iterdir()] == ["mine.txt"]
    assert suite.tests[0].message == "It is broken."
    assert "Bundle" not in suite.metadata


def test_a_run_removes_the_bundle_of_an_earlier_one(tmp_path: Path) -> None:
    (tmp_path / "bundle" / "logs").mkdir(parents=True)
    (tmp_path / "bundle" / INDEX).write_text(TITLE)
    run(tmp_path, "bundle.resource", "*** Test Cases ***\nGood\n    Log    good\n")
    assert not (tmp_path / "bundle").exists()


def test_the_suites_make_a_bundle_of_a_run_that_failed(tmp_path: Path) -> None:
    """Robot Framework runs the suites as a user does, where there is no cluster."""
    command = [
        sys.executable,
        "-m",
        "robot",
        "--outputdir",
        str(tmp_path),
        "--test",
        "No Container Logs A Secret",
    ]
    environment = {**os.environ, "KUBECONFIG": str(tmp_path / "none")}
    result = subprocess.run(
        [*command, str(ROOT / "robot")], check=False, capture_output=True, text=True, env=environment
    )
    said = f"Bundle: {tmp_path / 'bundle' / INDEX}, 1 file, 0.0 MB; what is not in it is in its index: 1 line"
    assert said in result.stdout.splitlines(), result.stdout + result.stderr
    link = ExecutionResult(tmp_path / "output.xml").suite.metadata["Bundle"].partition(",")[0]
    assert link == f"[bundle/{INDEX}|bundle/{INDEX}]"


def make_on_demand(folder: Path) -> subprocess.CompletedProcess[str]:
    """Make a bundle as `tox -e bundle` does, of the cluster whose kubeconfig is in the folder."""
    options = ["--outputdir", str(folder), "--output", "NONE", "--log", "NONE", "--report", "NONE"]
    options += ["--variable", "SYSTEM_NAMESPACE:n", "--variable", "AGENTS_NAMESPACE:n"]
    environment = {**os.environ, "KUBECONFIG": str(folder / "none")}
    return run_robot([*options, str(ROOT / "harness" / "bundle.robot")], folder, environment)


def test_a_bundle_is_made_on_demand(cluster: ApiServer, tmp_path: Path) -> None:
    write_kubeconfig(tmp_path, cluster)
    made = make_on_demand(tmp_path)
    assert made.returncode == 0, made.stdout
    assert f"Bundle: {tmp_path / 'bundle' / INDEX}, 5 files, " in made.stdout
    assert (tmp_path / "bundle" / "events.txt").exists()


def test_a_bundle_on_demand_fails_without_a_cluster(tmp_path: Path) -> None:
    made = make_on_demand(tmp_path)
    assert made.returncode == 1
    assert "No cluster to verify: there is no kubeconfig (" in made.stdout
    assert not (tmp_path / "bundle").exists()


def test_a_file_that_still_has_a_secret_is_left_out_and_that_is_said() -> None:
    values = SecretValues({"Secret n/s, key k": Secret("masked 1")})  # which every mask of it contains
    content = make_content([Texts("file", {"a.txt": "masked 1", "b.txt": "good"})], values, Masks(values))
    assert list(content.files) == ["b.txt"]
    assert content.absent == ["Left out: a.txt leaks Secret n/s, key k, also when it is masked"]


def test_without_the_values_of_secrets_every_file_is_left_out() -> None:
    content = make_content([Texts("file", {"a.txt": "good"})], None, Masks(SecretValues()))
    assert not content.files
    assert content.absent == [
        "Left out: a.txt, because the values of Secrets are not known, so it is not masked"
    ]


def test_logs_are_named_by_their_pod_and_container() -> None:
    pods = _Pods(one=["a"], one_before=ClusterError("Cannot read it: 404."), two=["b"] * MOST_LINES)
    objects = _Objects({"Pod": [pod_of("one", "two", restarted="one")]})
    part = Parts(objects, Places(objects, pods)).read_logs_as_files([NAMESPACE])
    folder = f"logs/{NAMESPACE}/p"
    assert set(part.by_place) == {f"{folder}/one.log", f"{folder}/two.log"}
    assert part.unread[0] == "the log of one in pod p before its restart (Cannot read it: 404.)"


def test_a_configuration_is_a_file_and_values_of_secrets_in_it_are_said_to_be_unknown() -> None:
    configuration = Configuration({"exporters": {"otlp": {"endpoint": "${env:URL}"}}}, {"${env:URL}": "why"})
    part = Parts(_Objects({}), Places(_Objects({}), _Pods())).get_configuration_as_file(configuration)
    assert json.loads(part.by_place["collector-configuration.json"]) == configuration
    assert part.unread == ["the value of ${env:URL} in collector-configuration.json: why"]


def test_metrics_of_two_moments_stand_side_by_side() -> None:
    parse = Collector().parse_metrics
    before, now = parse('sent_total{exporter="a"} 40\n'), parse('sent_total{exporter="a"} 50\nqueued 2.5\n')
    part = Parts(_Objects({}), Places(_Objects({}), _Pods())).get_metrics_as_files(
        {"otel-collector": before, "weather-agent": None},
        {"otel-collector": ("PASS", now), "weather-agent": ("FAIL", "It serves none.")},
    )
    assert part.by_place == {
        "metrics/otel-collector.tsv": 'before\tnow\tseries\n-\t2.5\tqueued{}\n40\t50\tsent{exporter="a"}\n'
    }
    assert part.unread == ["the metrics of weather-agent (It serves none.)"]


def test_metrics_that_cannot_be_read_any_more_are_those_of_before() -> None:
    before = Collector().parse_metrics("queued 1\n")
    part = Parts(_Objects({}), Places(_Objects({}), _Pods())).get_metrics_as_files(
        {"otel-collector": before}, {"otel-collector": ("FAIL", "It has no Ready pod.")}
    )
    assert part.by_place == {"metrics/otel-collector.tsv": "before\tnow\tseries\n1\t-\tqueued{}\n"}


def test_the_latest_traces_that_were_read_are_kept_each_once() -> None:
    def trace(number: int, *spans: Span) -> Trace:
        return Trace(f"{number:032x}", spans, "mlflow")

    kept = LookedAt()
    for number in range(MOST + 1):
        kept.keep(trace(number))
    whole = trace(1, Span("t", "s", None, "root", None, 0, 1, "OK"))
    assert kept.keep(whole) is whole
    assert len(list(kept.traces)) == MOST
    assert list(kept.traces)[-1] is whole
    assert trace(0) not in kept.traces

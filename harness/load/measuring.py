"""Reads what a load does to the stack: queues, what the pods use, sizes of databases, counts of traces."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import requests
from prometheus_client.parser import text_string_to_metric_families

from harness.common.errors import HarnessError
from harness.common.kubectl import kubectl
from harness.common.local_requests import local_session
from harness.common.loopback import free_port, listens
from harness.common.waiting import wait_for
from harness.load.questions import RUN

NAMESPACE = "kagenti-system"
COMPONENTS = ("otel-collector", "mlflow", "phoenix", "postgres")
QUEUE = "otelcol_exporter_queue_size"
RECEIVER_PORT, METRICS_PORT = 8335, 8888
LIMITS = {"CPU": "cpu", "memory": "memory"}  # of a container: what a person calls each, and its key
DATABASES = ("mlflow", "phoenix")
SIZE = (
    'PGPASSWORD=$POSTGRES_PASSWORD psql -h 127.0.0.1 -U "$POSTGRES_USER" -d postgres -At '
    '-c "SELECT datname, pg_database_size(datname) FROM pg_database"'
)
REQUEST_LIMIT = 60  # seconds


@dataclass(frozen=True)
class Usage:
    """What a pod used: seconds of a processor since its start, and bytes of memory now."""

    cpu: float
    memory: int


def pods_of(component: str) -> list[Mapping[str, Any]]:
    """Return a component's pods. Raises HarnessError where there is none."""
    label = f"app.kubernetes.io/name={component}"
    found = kubectl("get", "pods", f"--namespace={NAMESPACE}", f"--selector={label}", "--output=json")
    pods: list[Mapping[str, Any]] = json.loads(found)["items"]
    if not pods:
        raise HarnessError(f"No pod of {component} in namespace {NAMESPACE}: deploy with `tox -e e2e`.")
    return pods


def names_of(component: str) -> list[str]:
    """Return the names of a component's pods. Raises HarnessError where there is none."""
    return [pod["metadata"]["name"] for pod in pods_of(component)]


def describe_pods() -> str:
    """Return how many pods each component has, and what one may use: `2 mlflow (CPU 2, memory 2Gi each)`."""
    return ", ".join(_describe(component) for component in COMPONENTS)


def _describe(component: str) -> str:
    pods = [pod for pod in pods_of(component) if "deletionTimestamp" not in pod["metadata"]]
    limits = pods[0]["spec"]["containers"][0].get("resources", {}).get("limits", {})
    each = " each" if len(pods) > 1 else ""
    said = ", ".join(f"{what} {limits.get(key, 'without limit')}" for what, key in LIMITS.items())
    return f"{len(pods)} {component} ({said}{each})"


def read_queues() -> dict[str, int]:
    """Return how many spans wait in the queue of each exporter, of all collectors together."""
    sizes: dict[str, int] = {}
    for name in names_of("otel-collector"):
        path = f"/api/v1/namespaces/{NAMESPACE}/pods/{name}:{METRICS_PORT}/proxy/metrics"
        for family in text_string_to_metric_families(kubectl("get", "--raw", path)):
            for sample in family.samples:
                if sample.name == QUEUE:
                    exporter = sample.labels["exporter"]
                    sizes[exporter] = sizes.get(exporter, 0) + round(sample.value)
    if not sizes:
        raise HarnessError(f"The collector has no metric {QUEUE}: its exporters need a sending queue.")
    return sizes


def read_usage() -> dict[str, dict[str, Usage]]:
    """Return what the pods of each component use, by the kubelets' stats, which are up to 15 s old."""
    stats = [
        each
        for node in json.loads(kubectl("get", "nodes", "--output=json"))["items"]
        for each in json.loads(
            kubectl("get", "--raw", f"/api/v1/nodes/{node['metadata']['name']}/proxy/stats/summary")
        )["pods"]
    ]
    return {
        component: {name: _usage(stats, name) for name in names_of(component)} for component in COMPONENTS
    }


def _usage(stats: list[Any], pod: str) -> Usage:
    containers = [
        c for each in stats if each["podRef"]["name"] == pod for c in each["containers"] if "cpu" in c
    ]
    return Usage(
        sum(c["cpu"].get("usageCoreNanoSeconds", 0) for c in containers) / 1e9,
        sum(c["memory"].get("workingSetBytes", 0) for c in containers),
    )


def used_between(
    before: Mapping[str, Mapping[str, Usage]], after: Mapping[str, Mapping[str, Usage]]
) -> dict[str, float]:
    """Return the seconds of a processor that each component used.

    A pod that is new counts from its start, and one that went does not count.
    """
    nothing = Usage(0.0, 0)
    return {
        component: sum(usage.cpu - before[component].get(pod, nothing).cpu for pod, usage in pods.items())
        for component, pods in after.items()
    }


def wait_until_drained(limit: float) -> dict[str, float]:
    """Wait until all queues are empty; return after how many seconds each was empty first.

    Raises HarnessError where one is not within the limit.
    """
    began, drained = time.monotonic(), dict[str, float]()

    def are_empty() -> bool:
        try:
            sizes = read_queues()
        except HarnessError:
            return False  # a busy API server may not answer in time; the next look counts
        for exporter, size in sizes.items():
            if not size:
                drained.setdefault(exporter, time.monotonic() - began)
        return not any(sizes.values())

    wait_for(are_empty, limit, "The collector's queues are not empty")
    return drained


def read_sizes() -> dict[str, int]:
    """Return the bytes of each backend's database."""
    pod = names_of("postgres")[0]
    out = kubectl("exec", pod, f"--namespace={NAMESPACE}", "--container=postgres", "--", "bash", "-c", SIZE)
    sizes = dict(line.split("|") for line in out.split())
    return {name: int(sizes[name]) for name in DATABASES}


@contextmanager
def forwarded(target: str, port: int) -> Iterator[str]:
    """Give the URL by which a Service or a pod of the stack is reached from here meanwhile."""
    own = free_port()
    command = ["kubectl", "port-forward", f"--namespace={NAMESPACE}", target, f"{own}:{port}"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: listens(own), 20, f"`{' '.join(command)}` opens no port")
        yield f"http://127.0.0.1:{own}"
    finally:
        process.terminate()
        process.wait()


@contextmanager
def forwarded_collectors() -> Iterator[list[str]]:
    """Give the URL of each collector: a forwarded Service leads to one of them alone."""
    with ExitStack() as stack:
        yield [
            stack.enter_context(forwarded(f"pod/{name}", RECEIVER_PORT))
            for name in names_of("otel-collector")
        ]


@dataclass(frozen=True)
class Stored:
    """What a backend has of a run."""

    traces: int
    spans: int

    def has_all_of(self, expected: Stored) -> bool:
        """Return whether it has as many as expected, or more."""
        return self.traces >= expected.traces and self.spans >= expected.spans


def count_in_mlflow(url: str, experiment: str, run: str, since: float) -> Stored:
    """Return what MLflow has of a run; it counts itself."""

    def count(view: str, metric: str) -> int:
        body = {
            "experiment_ids": [experiment],
            "view_type": view,
            "metric_name": metric,
            "aggregations": [{"aggregation_type": "COUNT"}],
            "filters": [f'trace.tag.{RUN} = "{run}"'],
            "start_time_ms": int(since * 1000),
            "end_time_ms": int(time.time() * 1000),
        }
        path = "/api/3.0/mlflow/traces/metrics"
        answer = _post(url + path, body, {"Host": "mlflow:5000"})
        if not answer.ok:
            raise HarnessError(f"MLflow does not count: {answer.status_code} {answer.text[:200]}")
        points = answer.json().get("data_points", [])
        return sum(round(value) for point in points for value in point["values"].values())

    return Stored(count("TRACES", "trace_count"), count("SPANS", "span_count"))


def count_in_phoenix(url: str, run: str, since: float) -> Stored:
    """Return what Phoenix has of a run; it counts itself."""
    query = """query($range: TimeRange!, $condition: String!) {
      projects(first: 1, filter: {col: name, value: "default"}) {
        edges { node {
          traceCount(timeRange: $range, filterCondition: $condition)
          recordCount(timeRange: $range, filterCondition: $condition)
        } }
      }
    }"""
    start = datetime.fromtimestamp(since, UTC).isoformat()
    variables = {
        "range": {"start": start, "end": datetime.now(UTC).isoformat()},
        "condition": f"attributes['{RUN}'] == '{run}'",
    }
    answer = _post(f"{url}/graphql", {"query": query, "variables": variables}, {}).json()
    if answer.get("errors"):
        raise HarnessError(f"Phoenix does not count: {answer['errors'][0]['message']}")
    node = answer["data"]["projects"]["edges"][0]["node"]
    return Stored(int(node["traceCount"]), int(node["recordCount"]))


def _post(url: str, body: Mapping[str, Any], headers: Mapping[str, str]) -> requests.Response:
    """Post JSON to a forwarded port, past any proxy."""
    with local_session() as session:
        return session.post(url, json=body, headers=headers, timeout=REQUEST_LIMIT)

"""Reads what a load does to the stack: queues, what the pods use, sizes of databases, counts of traces."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import requests
from prometheus_client.parser import text_string_to_metric_families

from harness.common.errors import HarnessError
from harness.common.kubectl import kubectl
from harness.common.loopback import free_port, listens
from harness.common.waiting import wait_for
from harness.load.questions import RUN

NAMESPACE = "kagenti-system"
COMPONENTS = ("otel-collector", "mlflow", "phoenix", "postgres")
QUEUE = "otelcol_exporter_queue_size"
METRICS_PORT = 8888
DATABASES = ("mlflow", "phoenix")
SIZE = (
    'PGPASSWORD=$POSTGRES_PASSWORD psql -h 127.0.0.1 -U "$POSTGRES_USER" -d postgres -At '
    '-c "SELECT datname, pg_database_size(datname) FROM pg_database"'
)
REQUEST_LIMIT = 60  # seconds


@dataclass(frozen=True)
class Usage:
    """What a component's pods used: seconds of a processor since their start, and bytes of memory now."""

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


def read_queues() -> dict[str, int]:
    """Return how many spans wait in the queue of each exporter, of all collectors together."""
    sizes: dict[str, int] = {}
    for pod in pods_of("otel-collector"):
        path = f"/api/v1/namespaces/{NAMESPACE}/pods/{pod['metadata']['name']}:{METRICS_PORT}/proxy/metrics"
        for family in text_string_to_metric_families(kubectl("get", "--raw", path)):
            for sample in family.samples:
                if sample.name == QUEUE:
                    exporter = sample.labels["exporter"]
                    sizes[exporter] = sizes.get(exporter, 0) + round(sample.value)
    if not sizes:
        raise HarnessError(f"The collector has no metric {QUEUE}: its exporters need a sending queue.")
    return sizes


def read_usage() -> dict[str, Usage]:
    """Return the usage of each component by the kubelets' stats, which are up to 15 s old."""
    stats = [
        each
        for node in json.loads(kubectl("get", "nodes", "--output=json"))["items"]
        for each in json.loads(
            kubectl("get", "--raw", f"/api/v1/nodes/{node['metadata']['name']}/proxy/stats/summary")
        )["pods"]
    ]
    names = {component: {pod["metadata"]["name"] for pod in pods_of(component)} for component in COMPONENTS}
    return {
        component: Usage(
            sum(c["cpu"].get("usageCoreNanoSeconds", 0) for c in _containers(stats, names[component])) / 1e9,
            sum(c["memory"].get("workingSetBytes", 0) for c in _containers(stats, names[component])),
        )
        for component in COMPONENTS
    }


def _containers(stats: list[Any], pods: set[str]) -> list[Any]:
    return [c for each in stats if each["podRef"]["name"] in pods for c in each["containers"] if "cpu" in c]


def read_sizes() -> dict[str, int]:
    """Return the bytes of each backend's database."""
    pod = pods_of("postgres")[0]["metadata"]["name"]
    out = kubectl("exec", pod, f"--namespace={NAMESPACE}", "--container=postgres", "--", "bash", "-c", SIZE)
    sizes = dict(line.split("|") for line in out.split())
    return {name: int(sizes[name]) for name in DATABASES}


@contextmanager
def forwarded(service: str, port: int) -> Iterator[str]:
    """Give the URL by which a Service of the stack is reached from here meanwhile."""
    own = free_port()
    command = ["kubectl", "port-forward", f"--namespace={NAMESPACE}", f"service/{service}", f"{own}:{port}"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: listens(own), 20, f"`{' '.join(command)}` opens no port")
        yield f"http://127.0.0.1:{own}"
    finally:
        process.terminate()
        process.wait()


def count_in_mlflow(url: str, experiment: str, run: str, since: float) -> int:
    """Return how many traces of a run MLflow has; it counts itself."""
    body = {
        "experiment_ids": [experiment],
        "view_type": "TRACES",
        "metric_name": "trace_count",
        "aggregations": [{"aggregation_type": "COUNT"}],
        "filters": [f'trace.tag.{RUN} = "{run}"'],
        "start_time_ms": int(since * 1000),
        "end_time_ms": int(time.time() * 1000),
    }
    path = "/api/3.0/mlflow/traces/metrics"
    answer = requests.post(url + path, json=body, headers={"Host": "mlflow:5000"}, timeout=REQUEST_LIMIT)
    if not answer.ok:
        raise HarnessError(f"MLflow does not count: {answer.status_code} {answer.text[:200]}")
    points = answer.json().get("data_points", [])
    return sum(round(value) for point in points for value in point["values"].values())


def count_in_phoenix(url: str, run: str, since: float) -> int:
    """Return how many traces of a run Phoenix has; it counts itself."""
    query = """query($range: TimeRange!, $condition: String!) {
      projects(first: 1, filter: {col: name, value: "default"}) {
        edges { node { traceCount(timeRange: $range, filterCondition: $condition) } }
      }
    }"""
    start = datetime.fromtimestamp(since, UTC).isoformat()
    variables = {
        "range": {"start": start, "end": datetime.now(UTC).isoformat()},
        "condition": f"attributes['{RUN}'] == '{run}'",
    }
    answer = requests.post(
        f"{url}/graphql", json={"query": query, "variables": variables}, timeout=REQUEST_LIMIT
    ).json()
    if answer.get("errors"):
        raise HarnessError(f"Phoenix does not count: {answer['errors'][0]['message']}")
    return int(answer["data"]["projects"]["edges"][0]["node"]["traceCount"])

"""Where spans are sent is read as the SDKs and the collector's exporters take it."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.collector import find_exporter
from pipeline.endpoints import Endpoint, Endpoints, endpoint_of_exporter

COLLECTOR = "http://collector:4318"


def read(**variables: str) -> Endpoint | None:
    unset = dict.fromkeys(Endpoints().get_variables_of_endpoint())
    named = {f"OTEL_EXPORTER_OTLP_{name}": value for name, value in variables.items()}
    assert set(named) <= set(unset)
    return Endpoints().get_endpoint_of_variables(unset | named)


@pytest.mark.parametrize(
    ("variables", "endpoint"),
    [
        ({}, None),
        ({"ENDPOINT": ""}, None),  # a Secret gives it
        ({"ENDPOINT": COLLECTOR}, Endpoint(f"{COLLECTOR}/v1/traces")),
        ({"ENDPOINT": f"{COLLECTOR}/"}, Endpoint(f"{COLLECTOR}/v1/traces")),
        ({"ENDPOINT": f"{COLLECTOR}/otlp/"}, Endpoint(f"{COLLECTOR}/otlp/v1/traces")),
        ({"TRACES_ENDPOINT": f"{COLLECTOR}/v1/traces"}, Endpoint(f"{COLLECTOR}/v1/traces")),
        ({"TRACES_ENDPOINT": f"{COLLECTOR}/v1/traces/"}, Endpoint(f"{COLLECTOR}/v1/traces/")),
        ({"TRACES_ENDPOINT": COLLECTOR}, Endpoint(f"{COLLECTOR}/")),
        ({"TRACES_ENDPOINT": f"{COLLECTOR}/x", "ENDPOINT": "http://other:4318"}, Endpoint(f"{COLLECTOR}/x")),
        ({"ENDPOINT": "http://collector:4317"}, Endpoint("http://collector:4317", is_grpc=True)),
        ({"ENDPOINT": "http://collector:4317/"}, Endpoint("http://collector:4317", is_grpc=True)),
        ({"ENDPOINT": "collector:4317"}, Endpoint("http://collector:4317", is_grpc=True)),
        ({"ENDPOINT": "http://c:8335", "PROTOCOL": "grpc"}, Endpoint("http://c:8335", is_grpc=True)),
        ({"ENDPOINT": "https://c:8335", "TRACES_PROTOCOL": "grpc"}, Endpoint("https://c:8335", is_grpc=True)),
        ({"ENDPOINT": "http://c:4317", "PROTOCOL": "http/protobuf"}, Endpoint("http://c:4317/v1/traces")),
        (
            {"ENDPOINT": "http://c:1", "PROTOCOL": "grpc", "TRACES_PROTOCOL": "http/json"},
            Endpoint("http://c:1/v1/traces"),
        ),
    ],
)
def test_an_agent_sends_where_its_variables_say(variables: dict[str, str], endpoint: Endpoint | None) -> None:
    assert read(**variables) == endpoint


def test_an_endpoint_of_grpc_says_so() -> None:
    assert str(Endpoint("http://[::1]:4317", is_grpc=True)) == "http://[::1]:4317 (gRPC)"


@pytest.mark.parametrize(
    ("name", "settings", "url"),
    [
        ("otlp_http/a", {"endpoint": "http://mlflow:5000"}, "http://mlflow:5000/v1/traces"),
        ("otlphttp/a", {"endpoint": "http://mlflow:5000/"}, "http://mlflow:5000/v1/traces"),
        ("otlphttp", {"endpoint": "http://mlflow/mlflow/"}, "http://mlflow/mlflow/v1/traces"),
        ("otlphttp", {"traces_endpoint": "http://mlflow:5000/v1/traces/"}, "http://mlflow:5000/v1/traces/"),
        (
            "otlphttp",
            {"endpoint": "http://other:1", "traces_endpoint": "http://mlflow:5000/x"},
            "http://mlflow:5000/x",
        ),
        ("otlp/a", {"endpoint": "phoenix:4317"}, "http://phoenix:4317"),
        ("otlp_grpc", {"endpoint": "https://phoenix:4317/"}, "https://phoenix:4317"),
        ("otlp", {"endpoint": "dns:///phoenix.ns.svc:4317"}, "http://phoenix.ns.svc:4317"),
        ("otlp", {"endpoint": "[::1]:4317"}, "http://[::1]:4317"),
        ("otlp", {}, ""),
        ("debug", {}, ""),
    ],
)
def test_an_exporter_sends_where_the_collector_lets_it(name: str, settings: dict[str, Any], url: str) -> None:
    assert endpoint_of_exporter(name, settings) == url


@pytest.mark.parametrize(
    "endpoint", ["phoenix:4317", "http://phoenix.ns:4317/", "dns:///phoenix:4317", "https://phoenix"]
)
def test_an_exporter_is_found_by_the_host_of_any_form_of_its_endpoint(endpoint: str) -> None:
    configuration = {
        "exporters": {"otlp/other": {"endpoint": endpoint}},
        "service": {"pipelines": {"traces": {"exporters": ["otlp/other"]}}},
    }
    assert find_exporter(configuration, "phoenix")
    assert find_exporter(configuration, "mlflow") is None


@pytest.mark.parametrize(
    ("variables", "why"),
    [
        ({"OTEL_TRACES_SAMPLER": "always_off"}, "its container has OTEL_TRACES_SAMPLER=always_off, so"),
        ({"OTEL_SDK_DISABLED": "True"}, "its container has OTEL_SDK_DISABLED=True, so it exports none"),
        ({"OTEL_TRACES_EXPORTER": "none"}, "its container has OTEL_TRACES_EXPORTER=none, so"),
        (
            {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0"},
            "its container has OTEL_TRACES_SAMPLER=traceidratio and OTEL_TRACES_SAMPLER_ARG=0, so it exports",
        ),
        ({"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.1"}, ""),
        ({"OTEL_TRACES_SAMPLER_ARG": "0"}, ""),
        ({"OTEL_TRACES_SAMPLER": "always_on", "OTEL_SDK_DISABLED": "false"}, ""),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, ""),
        ({}, ""),
    ],
)
def test_an_sdk_that_exports_nothing_is_named_by_its_variable(variables: dict[str, str], why: str) -> None:
    unset = dict.fromkeys(Endpoints().get_variables_of_switches())
    assert set(variables) <= set(unset)
    explained = Endpoints().explain_switched_off(unset | variables)
    assert explained.startswith(why)
    assert bool(explained) == bool(why)


@pytest.mark.parametrize(
    ("variables", "why"),
    [
        (
            {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.1"},
            "its container has OTEL_TRACES_SAMPLER=parentbased_traceidratio and OTEL_TRACES_SAMPLER_ARG=0.1, "
            "so it exports 10 % of its traces",
        ),
        ({"OTEL_TRACES_SAMPLER": "traceidratio"}, ""),
        ({"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "a tenth"}, ""),
        ({"OTEL_TRACES_SAMPLER": "always_on", "OTEL_TRACES_SAMPLER_ARG": "0.1"}, ""),
        (
            {"OTEL_BSP_SCHEDULE_DELAY": "600000"},
            "its container has OTEL_BSP_SCHEDULE_DELAY=600000, so it sends spans every 600 s",
        ),
        ({"OTEL_BSP_SCHEDULE_DELAY": "5000"}, ""),
        ({"OTEL_BSP_SCHEDULE_DELAY": "soon"}, ""),
        ({}, ""),
    ],
)
def test_an_sdk_that_exports_a_share_of_the_traces_or_late_is_named(
    variables: dict[str, str], why: str
) -> None:
    unset = dict.fromkeys(Endpoints().get_variables_of_switches())
    assert Endpoints().explain_held_back(unset | variables, 30) == why


LISTENS = {
    "receivers": {
        "otlp": {"protocols": {"grpc": {"endpoint": "0.0.0.0:4317"}, "http": {"endpoint": "0.0.0.0:8335"}}},
        "otlp/local": {"protocols": {"http": None}},
        "jaeger": {"protocols": {"grpc": None}},
    }
}
PORTS = [
    {"port": 4317, "targetPort": "otlp-grpc"},
    {"port": 8335, "targetPort": 8335},
    {"port": 80, "targetPort": "otlp-http"},
    {"port": 4318},
]
CONTAINER = {
    "ports": [{"name": "otlp-grpc", "containerPort": 4317}, {"name": "otlp-http", "containerPort": 8335}]
}
WORKLOAD = {"spec": {"template": {"spec": {"containers": [CONTAINER]}}}}
URL = "http://otel-collector.ns.svc.cluster.local"


@pytest.mark.parametrize(
    ("endpoint", "headless", "why"),
    [
        (Endpoint(f"{URL}:8335/v1/traces"), False, ""),
        (Endpoint(f"{URL}/v1/traces"), False, ""),
        (Endpoint(f"{URL}:4317", is_grpc=True), False, ""),
        (
            Endpoint(f"{URL}:4317/v1/traces"),
            False,
            "they are sent by HTTP, and the collector speaks gRPC at that port",
        ),
        (
            Endpoint(f"{URL}:8335", is_grpc=True),
            False,
            "they are sent by gRPC, and the collector speaks HTTP at that port",
        ),
        (
            Endpoint(f"{URL}:4318/v1/traces"),
            False,
            "the collector's receiver listens on localhost:4318 alone, for its own pod",
        ),
        (Endpoint(f"{URL}:9999/v1/traces"), False, ""),
        (Endpoint(f"{URL}/v1/traces"), True, ""),
        (Endpoint(f"{URL}:8335", is_grpc=True), True, "they are sent by gRPC"),
    ],
)
def test_a_receiver_that_cannot_take_what_is_sent_is_named(
    endpoint: Endpoint, headless: bool, why: str
) -> None:
    service = {"spec": {"ports": PORTS, "clusterIP": "None" if headless else "10.96.0.7"}}
    explained = Endpoints().explain_receiver(endpoint, LISTENS, service, WORKLOAD)
    assert explained.startswith(why)
    assert bool(explained) == bool(why)


@pytest.mark.parametrize(
    ("variables", "proxy"),
    [
        (
            {"HTTP_PROXY": "http://me:secret@proxy.x:3128"},
            "the proxy proxy.x:3128 (HTTP_PROXY; NO_PROXY lacks c.ns)",
        ),
        (
            {"http_proxy": "proxy.x:3128", "NO_PROXY": ".svc,10.0.0.0/8"},
            "the proxy proxy.x:3128 (HTTP_PROXY; NO",
        ),
        ({"HTTP_PROXY": "http://proxy.x:3128", "no_proxy": "localhost,.ns"}, ""),
        ({"HTTPS_PROXY": "http://proxy.x:3128"}, ""),
        ({"NO_PROXY": "localhost"}, ""),
    ],
)
def test_a_proxy_between_a_container_and_a_url_is_named_without_its_login(
    variables: dict[str, str], proxy: str
) -> None:
    endpoints = Endpoints()
    explained = endpoints.explain_proxy(
        dict.fromkeys(endpoints.get_variables_of_proxies()) | variables, "http://c.ns:8335/v1/traces"
    )
    assert explained.startswith(proxy)
    assert bool(explained) == bool(proxy)
    assert not endpoints.explain_proxy(variables, "${env:URL}")


@pytest.mark.parametrize(
    ("host", "own", "is_other"),
    [
        ("mlflow", "system", False),
        ("mlflow", "team1", True),
        ("mlflow.system", "team1", False),
        ("mlflow.old", "system", True),
        ("mlflow.old.svc", "system", True),
        ("mlflow.system.svc.cluster.local", "system", False),
        ("mlflow.example.com", "system", False),
        ("tracking.old", "system", False),
        ("10.0.0.9", "system", False),
        ("${env:HOST}", "system", False),
    ],
)
def test_a_service_of_that_name_in_another_namespace_is_another_one(
    host: str, own: str, is_other: bool
) -> None:
    url = f"http://{host}:5000/v1/traces"
    why = f"{url} is not Service mlflow in namespace system" if is_other else ""
    assert Endpoints().explain_other_namespace(url, "mlflow", "system", own) == why

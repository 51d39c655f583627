"""Where spans are sent: by OpenTelemetry's SDKs, as their environment says, and by the collector's exporters.

The sources are https://opentelemetry.io/docs/specs/otel/protocol/exporter/,
https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/ and the README files of the
collector's exporters otlp_http and otlp.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urlsplit

from robot.api.deco import keyword, library

from kube.model import Object, main_container
from kube.proxies import find_proxy
from pipeline.effective import type_of

GRPC_PORT, HTTP_PORT = 4317, 4318  # of OTLP over gRPC and HTTP
LOCAL = frozenset({"localhost", "127.0.0.1", "[::1]"})
GRPC_EXPORTERS = frozenset({"otlp", "otlp_grpc"})  # types of the collector's exporters
TRACES_PATH = "/v1/traces"
# Of an SDK, each as it is for traces and for all signals: the first that is set wins.
ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
# By variable, the values with which an SDK exports no span.
OFF: Mapping[str, frozenset[str]] = {
    "OTEL_SDK_DISABLED": frozenset({"true"}),
    "OTEL_TRACES_EXPORTER": frozenset({"none"}),
    "OTEL_TRACES_SAMPLER": frozenset({"always_off", "parentbased_always_off"}),
}

SAMPLER, SHARE = "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG"
OF_SHARE = frozenset({"traceidratio", "parentbased_traceidratio"})  # samplers that keep a share of the traces
# What programs take a proxy from, and the hosts that are asked without one.
PROXIES = tuple(f(name) for name in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY") for f in (str.upper, str.lower))
DELAY = "OTEL_BSP_SCHEDULE_DELAY"  # milliseconds from one batch of spans to the next


@dataclass(frozen=True)
class Endpoint:
    """Where spans are sent: by HTTP to a URL, or by gRPC to the URL's host and port."""

    url: str
    is_grpc: bool = False

    def __str__(self) -> str:
        """Return it as people write it."""
        return f"{self.url} (gRPC)" if self.is_grpc else self.url


@library(scope="GLOBAL")
class Endpoints:
    """Reads where an SDK sends its spans."""

    @keyword
    def get_variables_of_endpoint(self) -> tuple[str, ...]:
        """Return the names of the environment variables that say where an SDK sends its spans."""
        return (*ENDPOINTS, *PROTOCOLS)

    @keyword
    def get_variables_of_switches(self) -> tuple[str, ...]:
        """Return the names of the environment variables that can keep an SDK from exporting spans."""
        return (*OFF, SHARE, DELAY)

    @keyword
    def explain_switched_off(self, variables: Mapping[str, str | None]) -> str:
        """Return which of these environment variables keeps an SDK from exporting spans, empty for none."""
        off = [
            f"{name}={variables[name]}" for name in OFF if (variables.get(name) or "").lower() in OFF[name]
        ]
        if _share(variables) <= 0:
            off += [f"{name}={variables[name]}" for name in (SAMPLER, SHARE)]
        return f"its container has {' and '.join(off)}, so it exports none" if off else ""

    @keyword
    def explain_held_back(self, variables: Mapping[str, str | None], limit: float) -> str:
        """Return why an SDK with these environment variables may not export a trace within `limit` seconds.

        It exports a share of the traces, or its batches are far apart. Empty where neither is so.
        """
        share, delay = _share(variables), _number(variables.get(DELAY), 0) / 1000
        if 0 < share < 1:
            set_to = " and ".join(f"{name}={variables[name]}" for name in (SAMPLER, SHARE))
            return f"its container has {set_to}, so it exports {share * 100:g} % of its traces"
        if delay > limit:
            return f"its container has {DELAY}={variables[DELAY]}, so it sends spans every {delay:g} s"
        return ""

    @keyword
    def explain_other_namespace(self, url: str, service: str, namespace: str, own: str) -> str:
        """Return that a URL leads to a Service of that name in another namespace; empty where it does not.

        `namespace` is that of the Service that is meant, `own` that of the pod that asks. A name of more than
        two labels is a Service's only where `svc` is the third one.
        """
        name, *labels = (urlsplit(url).hostname or "").split(".")
        if name != service or labels[1:2] not in ([], ["svc"]):
            return ""
        found = labels[0] if labels else own
        return f"{url} is not Service {service} in namespace {namespace}" if found != namespace else ""

    @keyword
    def get_variables_of_proxies(self) -> tuple[str, ...]:
        """Return the names of the environment variables that lead requests through a proxy."""
        return PROXIES

    @keyword
    def explain_proxy(self, variables: Mapping[str, str | None], url: str) -> str:
        """Return which proxy a container with these environment variables asks a URL through; empty for none.

        The proxy's login is left out.
        """
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            return ""
        proxy = find_proxy(url, {name: value for name, value in variables.items() if value})
        if not proxy:
            return ""
        place = proxy.rpartition("@")[2].partition("//")[2] or proxy.rpartition("@")[2]
        return f"the proxy {place} ({parts.scheme.upper()}_PROXY; NO_PROXY lacks {parts.hostname})"

    @keyword
    def explain_receiver(
        self, endpoint: Endpoint, configuration: Mapping[str, Any], service: Object, workload: Object
    ) -> str:
        """Return why the collector does not take what is sent to a port of its Service, as configured.

        Its receiver speaks another protocol there, or listens on its pod's localhost alone. Empty where no
        receiver of OTLP has that port, or none of this is so.
        """
        port = _pod_port(service, workload, urlsplit(endpoint.url))
        for protocol, address in _listens(configuration):
            host, _, number = address.rpartition(":")
            if number != str(port):
                continue
            if host in LOCAL:
                return f"the collector's receiver listens on {address} alone, for its own pod"
            if (protocol == "grpc") != endpoint.is_grpc:
                sent, spoken = ("gRPC", "HTTP") if endpoint.is_grpc else ("HTTP", "gRPC")
                return f"they are sent by {sent}, and the collector speaks {spoken} at that port"
        return ""

    @keyword
    def get_endpoint_of_variables(self, variables: Mapping[str, str | None]) -> Endpoint | None:
        """Return where an SDK sends its spans with these environment variables, None where they do not say.

        Without a protocol, it is gRPC where the URL has no scheme or the port of OTLP over gRPC: what an SDK
        takes then differs between languages.
        """
        for_traces, for_all = (variables.get(name) or "" for name in ENDPOINTS)
        endpoint = for_traces or for_all
        if not endpoint:
            return None
        protocol = next(filter(None, map(variables.get, PROTOCOLS)), "")
        url = endpoint if "://" in endpoint else f"http://{endpoint}"
        if protocol == "grpc" or (not protocol and (url != endpoint or urlsplit(url).port == GRPC_PORT)):
            return Endpoint(url.rstrip("/"), is_grpc=True)
        if for_traces:
            return Endpoint(url if urlsplit(url).path else f"{url}/")
        return Endpoint(url.rstrip("/") + TRACES_PATH)


def _listens(configuration: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the protocol and the address of each OTLP receiver (README of otlpreceiver)."""
    for name, settings in (configuration.get("receivers") or {}).items():
        protocols = ((settings or {}).get("protocols") or {}) if type_of(name) == "otlp" else {}
        for protocol, about in protocols.items():
            default = f"localhost:{GRPC_PORT if protocol == 'grpc' else HTTP_PORT}"
            yield protocol, str((about or {}).get("endpoint") or default)


def _pod_port(service: Object, workload: Object, url: SplitResult) -> int | None:
    """Return the port of a Service's pods that a URL with its host leads to, None where it has none."""
    port = url.port or (443 if url.scheme == "https" else 80)
    if service["spec"].get("clusterIP") == "None":
        return port
    ports = {
        each["port"]: each.get("targetPort", each["port"]) for each in service["spec"].get("ports") or ()
    }
    target = ports.get(port)
    named = {each.get("name"): each["containerPort"] for each in main_container(workload).get("ports") or ()}
    return named.get(target) if isinstance(target, str) else target


def _share(variables: Mapping[str, str | None]) -> float:
    """Return the share of traces that an SDK samples, from 0 to 1; 1 with another sampler."""
    sampler = (variables.get(SAMPLER) or "").lower()
    return _number(variables.get(SHARE), 1) if sampler in OF_SHARE else 1


def _number(text: str | None, default: float) -> float:
    """Return a number, or the default for what is none, as SDKs do."""
    try:
        return float(text or default)
    except ValueError:
        return default


def endpoint_of_exporter(name: str, settings: Mapping[str, Any]) -> str:
    """Return the URL to which an exporter of the collector sends traces, empty where none is configured.

    An exporter over HTTP takes `traces_endpoint` as it is, and appends a path to `endpoint`. One over gRPC
    has a host and a port, perhaps with a scheme that says how the host is resolved.
    """
    for_traces, for_all = (str(settings.get(key) or "") for key in ("traces_endpoint", "endpoint"))
    if type_of(name) in GRPC_EXPORTERS:
        scheme, _, target = for_all.rpartition("://")
        scheme = scheme if scheme in {"http", "https"} else "http"
        return f"{scheme}://{target.strip('/')}" if target else ""
    return for_traces or (for_all and for_all.rstrip("/") + TRACES_PATH)

"""What each overlay and each Component brings that the suites must judge: REQUIRE of resources/settings.yaml.

The names are capabilities of resources/capabilities.resource, or components of the settings. A test fails
instead of being skipped for the lack of one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

COLLECTOR_AND_AGENT = frozenset({"otel-collector", "weather-agent", "weather-tool"})
BACKENDS = frozenset({"mlflow", "phoenix", "postgres"})
OURS = COLLECTOR_AND_AGENT | BACKENDS
OURS |= {"model", "scripted-model", "openinference", "collector-metrics", "secrets", "agent-route"}
OVERLAYS: Mapping[str, frozenset[str]] = {
    "embedded": OURS | {"gateway"},
    "installed": COLLECTOR_AND_AGENT | BACKENDS | {"gateway"},
    "installed-without-phoenix": COLLECTOR_AND_AGENT | BACKENDS - {"phoenix"} | {"gateway"},
    "kagenti": COLLECTOR_AND_AGENT | BACKENDS | {"gateway", "collector-metrics", "secrets"},
    "kind": OURS | {"gateway"},
    "openshift": OURS | {"openshift-routes", "user-range"},
}
# Only Components that bring or take away something that a test can lack.
BROUGHT: Mapping[str, frozenset[str]] = {
    "high-availability": frozenset({"several-pods", "disruption-budgets"}),
    "mlflow-auth": frozenset({"login"}),
    "network-policies": frozenset({"network-policies", "documented-flows"}),
    "openshift-routes": frozenset({"openshift-routes"}),
    "scale": frozenset({"autoscalers"}),
}
TAKEN_AWAY: Mapping[str, frozenset[str]] = {
    "genai-transform": frozenset({"openinference"}),
    "installation-postgres": frozenset({"postgres"}),
    "managed-postgres": frozenset({"postgres"}),
}


def required_capabilities(overlay: str, components: Iterable[str]) -> list[str]:
    """Return what an overlay, or an installation, with Components on top brings, sorted by name."""
    required = OVERLAYS[overlay]
    for name in components:
        required = (required | BROUGHT.get(name, frozenset())) - TAKEN_AWAY.get(name, frozenset())
    return sorted(required)

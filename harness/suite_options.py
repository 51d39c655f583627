"""What the suites require and tolerate of each overlay: REQUIRE and TOLERATE of resources/settings.yaml.

REQUIRE names what an overlay and its Components bring: capabilities of resources/capabilities.resource, or
components of the settings. A test fails instead of being skipped for the lack of one. TOLERATE names findings
of an installation that only its maker can mend.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

COLLECTOR_AND_AGENT = frozenset({"otel-collector", "weather-agent", "weather-tool"})
BACKENDS = frozenset({"mlflow", "phoenix", "postgres"})
EVERYWHERE = COLLECTOR_AND_AGENT | BACKENDS
EVERYWHERE |= {"mlflow-route", "phoenix-route"}
EVERYWHERE |= {"mlflow-pages", "phoenix-pages"}
EVERYWHERE |= {"agent-spans", "known-agent", "openinference", "scripted-model", "secrets", "streaming"}
OURS = EVERYWHERE | {"agent-route", "collector-metrics", "model"}
OVERLAYS: Mapping[str, frozenset[str]] = {
    "embedded": OURS | {"gateway", "host-names"},
    "installed": EVERYWHERE | {"gateway"},
    "installed-without-phoenix": EVERYWHERE - {"phoenix", "phoenix-pages", "phoenix-route"} | {"gateway"},
    "kagenti": OURS | {"gateway"},
    "kind": OURS | {"gateway", "host-names"},
    "openshift": OURS | {"openshift-routes", "user-range"},
}
# Only Components that bring or take away something that a test can lack.
BROUGHT: Mapping[str, frozenset[str]] = {
    "high-availability": frozenset({"several-pods", "disruption-budgets"}),
    "mlflow-auth": frozenset({"basic-auth", "collector-login", "login"}),
    "mlflow-oidc": frozenset(
        {"collector-login", "login", "tokens", "other-tenant", "other-service", "person"}
    ),
    "network-policies": frozenset({"network-policies", "documented-flows"}),
    "openshift-routes": frozenset({"openshift-routes"}),
    "retention": frozenset({"retention"}),
    "scale": frozenset({"autoscalers"}),
    "tenants": frozenset({"tenants"}),
}
TAKEN_AWAY: Mapping[str, frozenset[str]] = {
    "genai-transform": frozenset({"openinference"}),
    "installation-postgres": frozenset({"postgres"}),
    "managed-postgres": frozenset({"postgres"}),
}
# Nothing of ours is deployed there, so nothing of ours can mend these.
TOLERATED: Mapping[str, frozenset[str]] = {
    name: frozenset({"password-on-command-line", "tokens-doubled"})
    for name in ("installed", "installed-without-phoenix")
}


def suite_options(overlay: str, components: Iterable[str]) -> list[str]:
    """Return robot's options for an overlay, or an installation, with Components on top."""
    options = ["--variable", f"REQUIRE:{','.join(required_capabilities(overlay, components))}"]
    if overlay in TOLERATED:
        options += ["--variable", f"TOLERATE:{','.join(sorted(TOLERATED[overlay]))}"]
    return options


def required_capabilities(overlay: str, components: Iterable[str]) -> list[str]:
    """Return what an overlay, or an installation, with Components on top brings, sorted by name."""
    required = OVERLAYS[overlay]
    for name in components:
        required = (required | BROUGHT.get(name, frozenset())) - TAKEN_AWAY.get(name, frozenset())
    return sorted(required)

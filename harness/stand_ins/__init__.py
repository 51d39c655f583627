"""Stand-ins: each plays, on a plain cluster, a part of an installation. The tables say who needs which."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from harness.common.errors import HarnessError
from harness.stand_ins.managed_postgres.stand_in import STAND_IN as MANAGED_POSTGRES
from harness.stand_ins.oidc.stand_in import STAND_IN as OIDC
from harness.stand_ins.openshift.stand_in import STAND_IN as OPENSHIFT
from harness.stand_ins.rossoctl.kagenti import STAND_IN as KAGENTI
from harness.stand_ins.rossoctl.stand_in import STAND_IN as ROSSOCTL
from harness.stand_ins.rossoctl.stand_in import WITHOUT_PHOENIX as ROSSOCTL_WITHOUT_PHOENIX
from harness.stand_ins.stand_in import StandIn

# Every overlay and every Component of kustomize/, with the stand-in that it needs on a plain cluster.
OVERLAYS: Mapping[str, StandIn | None] = {
    "embedded": None,
    "kagenti": KAGENTI,
    "kind": None,
    "openshift": OPENSHIFT,
}
# In place of an overlay: nothing of ours is deployed, the suites judge what somebody else installed.
INSTALLATIONS: Mapping[str, StandIn] = {
    "installed": ROSSOCTL,
    "installed-without-phoenix": ROSSOCTL_WITHOUT_PHOENIX,
}
COMPONENTS: Mapping[str, StandIn | None] = {
    "built-images": None,
    "checkov-reasons": None,
    "collector": None,
    "fixed-user": None,
    "gateway-routes": None,
    "genai-transform": None,
    "high-availability": None,
    "images": None,
    "installation-postgres": None,
    "managed-postgres": MANAGED_POSTGRES,
    "mlflow-auth": None,
    "mlflow-oidc": OIDC,
    "mlflow-pipeline": None,
    "namespaces": None,
    "network-policies": None,
    "openshift-routes": OPENSHIFT,
    "phoenix": None,
    "retention": None,
    "scale": None,
    "shared-artifacts": None,
    "tenants": None,
    "weather": None,
    "whole-stack": None,
}


def stand_ins_for(overlay: str, components: Iterable[str]) -> list[StandIn]:
    """Return the stand-ins that an overlay with Components on top needs, each once.

    Raises HarnessError for a name that the tables do not have.
    """
    needed = [_look_up({**OVERLAYS, **INSTALLATIONS}, "overlay", overlay)]
    needed += [_look_up(COMPONENTS, "Component", name) for name in components]
    return list(dict.fromkeys(stand_in for stand_in in needed if stand_in))


def _look_up(table: Mapping[str, StandIn | None], kind: str, name: str) -> StandIn | None:
    if name not in table:
        raise HarnessError(
            f"Nobody knows whether {kind} {name!r} needs a stand-in: add it to harness/stand_ins/__init__.py."
        )
    return table[name]

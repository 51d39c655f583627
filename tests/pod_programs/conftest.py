"""Lets tests import the programs that run inside pods as the pods do: by their own names."""

import sys
from pathlib import Path

KUSTOMIZE = Path(__file__).resolve().parents[2] / "kustomize"
sys.path += [
    str(KUSTOMIZE / "components" / "collector"),
    str(KUSTOMIZE / "components" / "mlflow-auth"),
    str(KUSTOMIZE / "components" / "mlflow-oidc"),
    str(KUSTOMIZE / "components" / "openshift-routes"),
    str(KUSTOMIZE / "components" / "phoenix"),
    str(KUSTOMIZE / "components" / "retention"),
    str(KUSTOMIZE / "components" / "tenants"),
    str(KUSTOMIZE / "base" / "mlflow"),
    str(KUSTOMIZE / "base" / "scripts"),
]

"""Let tests import the programs of components/mlflow-auth as their pods do: by their own names."""

import sys
from pathlib import Path

KUSTOMIZE = Path(__file__).resolve().parents[2] / "kustomize"
sys.path += [str(KUSTOMIZE / "components" / "mlflow-auth"), str(KUSTOMIZE / "base" / "scripts")]

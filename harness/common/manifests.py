"""What the manifests of kustomize/ say, before anything is rendered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

PART_OF = "app.kubernetes.io/part-of"
STACK = "llm-observability"  # what that label is on everything that the overlays deploy
STACK_SELECTOR = f"{PART_OF}={STACK}"
WORKLOADS = ("StatefulSet", "Deployment")  # the kinds that run the components


def read_container(file: Path) -> dict[str, Any]:
    """Return the one container of the one Deployment in a file."""
    documents = yaml.safe_load_all(file.read_text(encoding="utf-8"))
    (deployment,) = (each for each in documents if each["kind"] == "Deployment")
    container: dict[str, Any]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    return container

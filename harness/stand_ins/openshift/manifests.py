"""The stand-in's manifests: filled in, and applied as their only owner."""

from __future__ import annotations

from pathlib import Path
from string import Template

from harness.common.kubectl import kubectl

FOLDER = Path(__file__).parent / "manifests"
NAMESPACE = "openshift-router-stand-in"
DOMAIN = "apps.openshift-stand-in.test"  # of a top-level domain that never resolves (RFC 6761)


def render(name: str, values: dict[str, str]) -> str:
    """Return a manifest with its ${names} filled in."""
    return Template((FOLDER / name).read_text(encoding="utf-8")).substitute(values)


def apply(text: str) -> None:
    """Apply manifests. Raises HarnessError when the API server rejects them."""
    owner = ("--server-side", "--force-conflicts", "--field-manager=openshift-stand-in")
    kubectl("apply", *owner, "--filename=-", text=text)

"""The entry point mlflow.tracking_store, by which MLflow's server finds trace_owners.

MLflow loads this module while it is imported itself, so nothing of MLflow is imported before the call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trace_owners import TraceOwners


def build_store(store_uri: str, artifact_uri: str | None = None) -> TraceOwners:
    """Return the store for a database."""
    from trace_owners import TraceOwners  # noqa: PLC0415

    return TraceOwners(store_uri, artifact_uri)

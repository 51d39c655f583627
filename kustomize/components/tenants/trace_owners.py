"""MLflow's store with one rule more: a trace is written in the name of the experiment that has it alone.

MLflow 3.17.2 asks whether a user may write into the experiment that a request names. It does not ask which
experiment has the trace (measured). Whoever knows a trace's id can add spans to it, or replace its spans; and
POST /api/3.0/mlflow/traces moves the trace into another experiment, where its new owner reads it.
"""

import logging

from mlflow.entities import Span, TraceInfo
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import PERMISSION_DENIED
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

logger = logging.getLogger(__name__)


class TraceOwners(SqlAlchemyStore):  # type: ignore[misc] # it has no types
    """Stores nothing of a trace in the name of an experiment that does not have it."""

    def log_spans(self, location: str, spans: list[Span], tracking_uri: str | None = None) -> list[Span]:
        """Store spans, but those of other experiments' traces: the good ones beside them are not lost."""
        foreign = self._find_foreign(location, {span.trace_id for span in spans})
        own = [span for span in spans if span.trace_id not in foreign]
        if foreign:
            logger.warning(
                "Experiment %s sent %d spans of traces that other experiments have: not stored.",
                location,
                len(spans) - len(own),
            )
        stored: list[Span] = super().log_spans(location, own, tracking_uri=tracking_uri)
        return stored

    def start_trace(self, trace_info: TraceInfo) -> TraceInfo:
        """Create a trace, or complete one of the same experiment."""
        if self._find_foreign(trace_info.experiment_id, {trace_info.trace_id}):
            raise MlflowException(
                f"Trace {trace_info.trace_id} is not in experiment {trace_info.experiment_id}.",
                error_code=PERMISSION_DENIED,
            )
        return super().start_trace(trace_info)

    def _find_foreign(self, experiment_id: str, trace_ids: set[str]) -> set[str]:
        """Return which of the traces another experiment has."""
        known = self.batch_get_trace_infos(sorted(trace_ids))
        return {each.trace_id for each in known if str(each.experiment_id) != str(experiment_id)}

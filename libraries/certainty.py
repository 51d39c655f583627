"""How sure a cause is, from the verdict to `diagnosis.json`."""

from __future__ import annotations

CERTAIN = "certain"  # the evidence shows the cause
LIKELY = "likely"  # the evidence fits more than one cause, or contradicts itself
UNKNOWN = "unknown"  # the backend or the collector cannot be asked

"""A weather agent: LangGraph behind an A2A server, with one whole OpenTelemetry trace for each request."""

import os

# The A2A SDK reads this when it is imported. Its ~50 spans a request stay out unless someone asks for them.
os.environ.setdefault("OTEL_INSTRUMENTATION_A2A_SDK_ENABLED", "false")

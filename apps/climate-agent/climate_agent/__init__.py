"""A small agent that is not the weather agent: PydanticAI behind an A2A server, with spans of its own names.

It shows that the suites judge whatever agent answers over A2A. The trace of one request::

    answer question                          (scope climate_agent)
      invoke_agent climate_assistant         (this and all below: pydantic-ai, in GenAI conventions)
        chat scripted
        execute_tool get_weather             a function of this process, no server
        chat scripted

INSTRUMENTATIONS=openinference adds OpenInference's attributes to the same spans.
"""

import os

# The A2A SDK reads this when it is imported: its spans stay out.
os.environ.setdefault("OTEL_INSTRUMENTATION_A2A_SDK_ENABLED", "false")

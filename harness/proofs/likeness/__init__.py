"""Records the spans of our agent and tool with TELEMETRY=public, as the public ones were recorded."""

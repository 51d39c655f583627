"""Programs that run inside pods. They are sent as text, so each needs the standard library alone."""

"""Runs the suites again and again on a healthy stack, where each failure is a false alarm."""

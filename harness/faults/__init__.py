"""Breaks the stack on purpose, judges whether the suites find and name each fault, and heals it."""

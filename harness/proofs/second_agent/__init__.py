"""Proves that another agent than the weather agent is judged by a contract that was learned from it."""

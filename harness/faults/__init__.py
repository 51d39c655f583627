"""Breaks the stack on purpose: each fault says which test must find it, and what its message must contain."""

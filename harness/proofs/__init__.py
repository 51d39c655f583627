"""Proofs of single promises, each run by a command of its own."""

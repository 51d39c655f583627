"""Plays a managed PostgreSQL."""

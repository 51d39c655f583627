"""Plays an identity provider."""

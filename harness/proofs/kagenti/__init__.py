"""Proves the overlay that attaches to a Kagenti installation."""

"""Plays a Kagenti installation."""

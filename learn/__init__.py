"""Writes a first contract of an agent from what its traces show."""

"""Proves that an upgrade of MLflow keeps the traces."""

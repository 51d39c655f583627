"""Proves that the collector patch runs in the installation's old collector."""

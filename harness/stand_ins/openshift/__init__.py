"""Plays OpenShift: Routes with a router, and the SCC restricted-v2."""

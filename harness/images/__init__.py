"""Builds the images that no registry offers this machine and loads them into the cluster."""

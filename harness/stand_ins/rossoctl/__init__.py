"""Plays an installation of Rossoctl (formerly Kagenti), as its public charts and manifests make one."""

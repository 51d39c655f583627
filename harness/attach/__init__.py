"""Attaches overlays/kagenti to an installation and takes it away again, without touching what is not ours."""

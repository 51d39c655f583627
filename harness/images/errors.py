"""The one error that this package shows to its user."""


class ImageError(Exception):
    """An image cannot be built or loaded: one sentence says why and what to do."""

"""A PostgreSQL for the tests of this folder."""

from tests.pod_programs.managed import managed

__all__ = ["managed"]

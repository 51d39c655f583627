"""Finds secrets that leaked: into logs, command lines, objects, or the suites' own output."""

from __future__ import annotations

from robot.api.deco import library
from robotlibcore import HybridCore

from kube.objects import Objects
from kube.pods import Pods
from secrecy.masking import Masking
from secrecy.places import Places
from secrecy.search import Search
from secrecy.values import Values


@library(scope="GLOBAL")
class Secrecy(HybridCore):  # type: ignore[misc] # it has no types
    """Finds secrets that leaked: into logs, command lines, objects, or the suites' own output."""

    def __init__(self) -> None:
        """Put the keywords of this room together."""
        objects = Objects()
        super().__init__([Values(objects), Places(objects, Pods()), Search(), Masking()])

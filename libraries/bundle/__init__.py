"""Writes the bundle: a folder with what the cluster shows of a run that failed, without secrets."""

from __future__ import annotations

from robot.api.deco import library
from robotlibcore import HybridCore

from bundle.folder import Folder
from bundle.parts import Parts
from kube.objects import Objects
from kube.pods import Pods
from secrecy.places import Places


@library(scope="GLOBAL")
class Bundle(HybridCore):  # type: ignore[misc] # it has no types
    """Writes the bundle: a folder with what the cluster shows of a run that failed, without secrets."""

    def __init__(self) -> None:
        """Put the keywords of this room together, and listen to the run."""
        objects, folder = Objects(), Folder()
        super().__init__([Parts(objects, Places(objects, Pods())), folder])
        self.ROBOT_LIBRARY_LISTENER = folder

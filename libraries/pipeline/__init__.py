"""What the collector is configured to do and has done: configuration, metrics, probes, conservation."""

from __future__ import annotations

from robot.api.deco import library
from robotlibcore import HybridCore

from kube.environment import Environment
from kube.objects import Objects
from pipeline.collector import Collector
from pipeline.conservation import Conservation
from pipeline.endpoints import Endpoints
from pipeline.exporter_logins import ExporterLogins
from pipeline.probe import ProbeTrace
from pipeline.promises import Promises
from pipeline.sources import Sources


@library(scope="GLOBAL")
class Pipeline(HybridCore):  # type: ignore[misc] # it has no types
    """What the collector is configured to do and has done: configuration, metrics, probes, conservation."""

    def __init__(self) -> None:
        """Put the keywords of this room together."""
        objects = Objects()
        super().__init__(
            [
                Collector(),
                Sources(objects, Environment(objects)),
                Conservation(),
                Endpoints(),
                ExporterLogins(),
                ProbeTrace(),
                Promises(),
            ]
        )

"""Where the stack is reached from outside the cluster, and which login it wants there."""

from __future__ import annotations

from robot.api.deco import library
from robotlibcore import HybridCore

from entry.certificates import Certificates
from entry.clocks import Clocks
from entry.gateway_api import GatewayApi
from entry.http_requests import HttpRequests
from entry.ingress import Ingresses
from entry.logins import Logins
from entry.openshift import OpenshiftRoutes
from entry.port_forward import FORWARD
from entry.routes import Routes
from entry.tls import TlsOfMlflow
from entry.tracking_uri import TrackingUri


@library(scope="GLOBAL")
class Entry(HybridCore):  # type: ignore[misc] # it has no types
    """Where the stack is reached from outside the cluster, and which login it wants there."""

    def __init__(self) -> None:
        """Put the keywords of this room together."""
        super().__init__(
            [
                Certificates(),
                Clocks(),
                GatewayApi(),
                HttpRequests(),
                Ingresses(),
                Logins(),
                OpenshiftRoutes(),
                FORWARD,
                Routes(),
                TlsOfMlflow(),
                TrackingUri(),
            ]
        )

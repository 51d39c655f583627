"""How far other clocks are ahead of this machine's: as their HTTP answers say, to about a second."""

from __future__ import annotations

import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from robot.api.deco import keyword, library

from kube.client import CLUSTER, ClusterClient, ClusterError

HALF = 0.5  # seconds: a date has whole ones


@library(scope="GLOBAL")
class Clock:
    """Compares the cluster's clock with this machine's."""

    def __init__(self, cluster: ClusterClient = CLUSTER) -> None:
        """Ask this cluster."""
        self._cluster = cluster

    @keyword
    def measure_clock_of_cluster(self) -> float | None:
        """Return by how many seconds the API server's clock is ahead, None where its answer has no date.

        Any answer has, also one that rejects the request. Raises ClusterError where there is none.
        """
        from kubernetes import client  # noqa: PLC0415 - heavy, and not needed for a dry run

        version = client.VersionApi(self._cluster.connection.api_client).get_code_with_http_info
        asked = time.time()
        try:
            _, _, headers = self._cluster.call("read the version", version)
        except ClusterError as error:
            headers = getattr(error.__cause__, "headers", None)
            if headers is None:
                raise
        return clock_ahead(headers, asked, time.time())


def clock_ahead(headers: Mapping[str, str], asked: float, answered: float) -> float | None:
    """Return by how many seconds the clock of an answer's header Date is ahead (RFC 9110, section 6.6.1).

    `asked` and `answered` are when, by this machine's clock. None where the answer has no date.
    """
    try:
        dated = parsedate_to_datetime(headers["Date"]).timestamp()
    except (KeyError, ValueError):
        return None
    return dated + HALF - (asked + answered) / 2

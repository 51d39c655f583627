"""Whether a server of the cluster answers, asked directly: a proxy would answer in its place."""

from __future__ import annotations

import http.client
from dataclasses import dataclass

LIMIT = 2.0  # seconds


@dataclass(frozen=True)
class Probe:
    """One request by HTTP, and the statuses that count as an answer."""

    name: str
    server: str  # address:port
    path: str = "/"
    expected: range = range(200, 201)

    def problem(self) -> str:
        """Return what is wrong, as a sentence without its full stop; empty when the server answers."""
        url = f"http://{self.server}{self.path}"
        # http.client follows no redirect and knows nothing of http_proxy.
        connection = http.client.HTTPConnection(self.server, timeout=LIMIT)
        try:
            connection.request("GET", self.path)
            status = connection.getresponse().status
        except (OSError, http.client.HTTPException) as error:
            return f"{self.name} does not answer at {url}: {error}"
        finally:
            connection.close()
        if status in self.expected:
            return ""
        first, last = self.expected[0], self.expected[-1]
        wanted = str(first) if first == last else f"{first} to {last}"
        return f"{self.name} answers {status} at {url}, expected {wanted}"


def gateway_probe(server: str) -> Probe:
    """Return the probe of the gateway, which answers 404 until a route matches every host name."""
    return Probe("the gateway", server, expected=range(200, 500))

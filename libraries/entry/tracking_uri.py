"""The MLflow that MLFLOW_TRACKING_URI names, as mlflow's own client takes it."""

from __future__ import annotations

import os
from urllib.parse import SplitResult, unquote, urlsplit

from robot.api.deco import keyword, library
from robot.api.types import Secret

from entry.addresses import DEFAULT_PORTS, make_url
from entry.entry_point import EntryError, EntryPoint, UserInfo

TRACKING_URI = "MLFLOW_TRACKING_URI"
EXAMPLES = "http://192.0.2.7:5000 or https://mlflow.example/mlflow"
# Of what is wrong nothing is shown: any of it may be a part of a password.
HINT = "In a login write / ? # @ as %2F %3F %23 %40."


@library(scope="GLOBAL")
class TrackingUri:
    """Reads MLFLOW_TRACKING_URI. What it says of a login is a Secret from then on."""

    @keyword
    def get_entry_point_from_environment(self) -> EntryPoint | None:
        """Return the MLflow that MLFLOW_TRACKING_URI names, None where it is not set.

        It may have a path, under which MLflow answers, and a login. Raises EntryError where it is not the URL
        of a server.
        """
        given = os.environ.get(TRACKING_URI)
        if not given:
            return None
        try:
            parts = urlsplit(given.strip())
            host, port = parts.hostname, parts.port
        except ValueError:
            raise EntryError(f"{TRACKING_URI} has no valid host and port. {HINT}") from None
        if parts.scheme not in DEFAULT_PORTS or not host:
            raise EntryError(f"{TRACKING_URI} must be the URL of a server, as in {EXAMPLES}.")
        _reject_what_is_no_part_of_it(parts)
        url = make_url(parts.scheme, host, port, parts.path)
        return EntryPoint(url, login=_login(parts))


def _reject_what_is_no_part_of_it(parts: SplitResult) -> None:
    """Raise EntryError for a query or fragment: mlflow's client would append its own paths to them."""
    if parts.query or parts.fragment:
        raise EntryError(
            f"{TRACKING_URI} has a query (?) or a fragment (#): leave it out, because mlflow's client would "
            f"append its own paths to it. {HINT}"
        )
    if "@" in parts.path:
        raise EntryError(f"{TRACKING_URI} has an @ in its path, so its login seems to have a slash. {HINT}")


def _login(parts: SplitResult) -> UserInfo | None:
    """Return the login in a URL, as requests takes it: a name alone is none."""
    if parts.password is None or not (parts.username or parts.password):
        return None
    return UserInfo(Secret(f"{unquote(parts.username or '')}:{unquote(parts.password)}"))

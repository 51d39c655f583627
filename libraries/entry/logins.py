"""A user's name and password: where they come from, and how a request carries them without showing them.

The password is a Secret of Robot Framework, which no log shows. What a request is sent with is shown by
RequestsLibrary, which logs every header: so the header's value does not show itself either.
"""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import requests
from robot.api.deco import keyword, library
from robot.api.types import Secret

if TYPE_CHECKING:
    from entry.gateway import EntryPoint

USERNAME, PASSWORD = "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"  # as mlflow's own client has them
REQUEST_LIMIT = 15


class LoginError(Exception):
    """There is no login where one is wanted; the message says where it was looked for."""

    ROBOT_SUPPRESS_NAME = True


class _Unshown(str):
    """Text that is sent as it is and shown as a Secret is."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "<secret>"


@dataclass(frozen=True)
class Login:
    """A user's name and password. It is an `auth` for requests: HTTP Basic, RFC 7617."""

    username: str
    password: Secret

    @property
    def header(self) -> str:
        """The value of the header Authorization."""
        text = f"{self.username}:{self.password.value}".encode()
        return _Unshown(f"Basic {base64.b64encode(text).decode()}")

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Let a request carry the login."""
        request.headers["Authorization"] = self.header
        return request

    def __str__(self) -> str:
        """Return whose login it is."""
        return f"the login of {self.username}"


@library(scope="GLOBAL")
class Logins:
    """Finds out whether a server wants a login, and makes logins."""

    @keyword
    def wants_login(self, entry: EntryPoint) -> bool | None:
        """Return whether MLflow at an entry point wants a login, None where it does not answer.

        Asked is /version, which MLflow's basic-auth app answers 401 and MLflow without it 200.
        """
        status = _status_of_version(entry)
        return {requests.codes.ok: False, requests.codes.unauthorized: True}.get(status)

    @keyword
    def takes_login(self, entry: EntryPoint) -> bool | None:
        """Return whether MLflow takes the login of an entry point, None where it does not answer."""
        status = _status_of_version(entry, entry.login)
        return {requests.codes.ok: True, requests.codes.unauthorized: False}.get(status)

    @keyword
    def login_from_environment(self) -> Login | None:
        """Return the login that MLFLOW_TRACKING_USERNAME and _PASSWORD give, None without them.

        Raises LoginError where one of them is missing.
        """
        username, password = os.environ.get(USERNAME), os.environ.get(PASSWORD)
        if not username and not password:
            return None
        if not username or not password:
            missing = PASSWORD if username else USERNAME
            raise LoginError(f"{missing} is not set: MLflow's login needs both {USERNAME} and {PASSWORD}.")
        return Login(username, Secret(password))

    @keyword
    def make_login(self, username: str, password: str) -> Login:
        """Return a login that is no secret: one that must be refused."""
        return Login(username, Secret(password))

    @keyword
    def user_of(self, login: Login) -> str:
        """Return the user's name of a login."""
        return login.username


def _status_of_version(entry: EntryPoint, login: Login | None = None) -> int:
    """Return the status of the answer to GET /version, 0 where there is none."""
    try:
        answer = requests.get(
            f"{entry.url}/version", headers=entry.headers, auth=login, timeout=REQUEST_LIMIT
        )
    except requests.RequestException:
        return 0
    return answer.status_code

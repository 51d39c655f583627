"""Where a component is reached from outside the cluster, and with which login."""

from __future__ import annotations

import base64
from dataclasses import dataclass

import requests
from robot.api.types import Secret


class EntryError(Exception):
    """A component cannot be reached from outside; the message says what was tried and what to do."""

    ROBOT_SUPPRESS_NAME = True


class _UnshownText(str):
    """Text that is sent as it is, and shown as a Secret is."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "<secret>"


@dataclass(frozen=True)
class Login:
    """A user's name and password. It is an `auth` for requests: HTTP Basic, RFC 7617.

    The password is a Secret of Robot Framework, which no log shows.
    """

    username: str
    password: Secret

    @property
    def header(self) -> str:
        """The value of the header Authorization."""
        text = f"{self.username}:{self.password.value}".encode()
        return _UnshownText(f"Basic {base64.b64encode(text).decode()}")

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Let a request carry the login."""
        request.headers["Authorization"] = self.header
        return request

    def __str__(self) -> str:
        """Return whose login it is."""
        return f"the login of {self.username}"


@dataclass(frozen=True)
class EntryPoint:
    """Where a component is reached: its URL without a path, as a browser shows it, and the login for it.

    `address`, as host:port, is where the URL's host is reached without asking a name server; None asks one.
    """

    url: str
    address: str | None = None
    login: Login | None = None

    @property
    def login_headers(self) -> dict[str, str]:
        """The header that makes a request carry the login, none where there is no login."""
        return {"Authorization": self.login.header} if self.login else {}

    def __str__(self) -> str:
        """Return the entry point as people write it."""
        return f"{self.url} (at {self.address})" if self.address else self.url

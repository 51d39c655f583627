"""Where a component is reached from outside the cluster, and with which login."""

from __future__ import annotations

import base64
from abc import ABC, abstractmethod
from dataclasses import dataclass

import requests
from robot.api.types import Secret

WORKSPACE_HEADER = "X-MLFLOW-WORKSPACE"  # mlflow.utils.workspace_utils


class EntryError(Exception):
    """A component cannot be reached from outside; the message says what was tried and what to do."""

    ROBOT_SUPPRESS_NAME = True


class UnshownText(str):
    """Text that is sent as it is, and shown as a Secret is."""

    __slots__ = ()

    def __repr__(self) -> str:
        """Return what stands in its place."""
        return "<secret>"


class RequestLogin(ABC):
    """What lets a request carry a login. It is an `auth` for requests."""

    @property
    @abstractmethod
    def headers(self) -> dict[str, str]:
        """The headers that make a request carry the login; no log shows their values."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Let a request carry the login."""
        request.headers.update(self.headers)
        return request


@dataclass(frozen=True)
class Login(RequestLogin):
    """A user's name and password: HTTP Basic, RFC 7617.

    The password is a Secret of Robot Framework, which no log shows.
    """

    username: str
    password: Secret

    @property
    def headers(self) -> dict[str, str]:
        """The header Authorization."""
        text = f"{self.username}:{self.password.value}".encode()
        return {"Authorization": UnshownText(f"Basic {base64.b64encode(text).decode()}")}

    def __str__(self) -> str:
        """Return whose login it is."""
        return f"the login of {self.username}"


@dataclass(frozen=True)
class UserInfo(RequestLogin):
    """What a URL has before its @: name and password, or a token instead. No log shows any of it.

    `text` is `name:password`, of which one may be empty.
    """

    text: Secret

    @property
    def headers(self) -> dict[str, str]:
        """The header Authorization."""
        return {"Authorization": UnshownText(f"Basic {base64.b64encode(self.text.value.encode()).decode()}")}

    def __str__(self) -> str:
        """Return where it comes from."""
        return "the login in the URL"


@dataclass(frozen=True)
class BearerToken(RequestLogin):
    """A token: RFC 6750, section 2.1. No log shows it."""

    token: Secret

    @property
    def headers(self) -> dict[str, str]:
        """The header Authorization."""
        return {"Authorization": UnshownText(f"Bearer {self.token.value}")}

    def __str__(self) -> str:
        """Return that it is a token."""
        return "a bearer token"


@dataclass(frozen=True)
class Tls:
    """Whom a request over TLS trusts, and the certificate that it shows, as requests' `verify` and `cert`.

    `authority` is a file or folder with certificates, None for the default ones, False to trust anybody.
    `certificate` is a file with a certificate and its key.
    """

    authority: str | bool | None = None
    certificate: str | None = None


@dataclass(frozen=True)
class EntryPoint:
    """Where a component is reached, and the login for it.

    `url` is as a browser shows it: with the path under which the component answers, if it has one, and
    without a slash at its end. `address`, as host:port, is where the URL's host is reached without asking a
    name server; None asks one. `through` is what leads there, where that is no route.
    `workspace` is MLflow's.
    """

    url: str
    address: str | None = None
    login: RequestLogin | None = None
    tls: Tls | None = None
    workspace: str | None = None
    through: str = ""

    @property
    def is_secure(self) -> bool:
        """Whether it is asked over TLS."""
        return self.url.startswith("https:")

    @property
    def login_headers(self) -> dict[str, str]:
        """The headers that make a request carry the login and name the workspace, as far as there are any."""
        return self.workspace_headers | (self.login.headers if self.login else {})

    @property
    def workspace_headers(self) -> dict[str, str]:
        """The header that names MLflow's workspace, none where the default one is meant."""
        return {WORKSPACE_HEADER: self.workspace} if self.workspace else {}

    def __str__(self) -> str:
        """Return the entry point as people write it."""
        notes = [self.through or f"at {self.address}"] if self.through or self.address else []
        if self.is_secure and self.tls and self.tls.authority is False:
            notes.append("its certificate is not verified")
        return f"{self.url} ({', '.join(notes)})" if notes else self.url

"""Which login a server wants, and where the login comes from: the environment, or a Secret of the cluster."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urlsplit

import requests
from robot.api.deco import keyword, library
from robot.api.types import Secret

from entry.entry_point import BearerToken, EntryPoint, Login, RequestLogin
from entry.http_requests import RequestError, send_request
from entry.port_forward import FORWARD, PortForward
from entry.tokens import ClientCredentials, GivenToken, PluginLogin, read_expiry
from kube.model import Object, main_container

# As mlflow's own client has them.
USERNAME, PASSWORD = "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"
TOKEN, PLUGIN, WORKSPACE = "MLFLOW_TRACKING_TOKEN", "MLFLOW_TRACKING_AUTH", "MLFLOW_WORKSPACE"
# A user's name and password, or a client of an identity provider: the keys of a Secret.
USER_KEYS = ("username", "password")
CLIENT_KEYS = ("OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET", "OIDC_TOKEN_URL")
# It is open to nobody in any release; /version is open in some.
ASKED = "/api/2.0/mlflow/experiments/search?max_results=1"
REQUEST_LIMIT = 15  # seconds
# Seconds in which nobody asks a server again that let REQUEST_LIMIT pass: it would cost as much again.
SILENCE = 60.0


class LoginError(Exception):
    """There is no login where one is wanted; the message says where it was looked for."""

    ROBOT_SUPPRESS_NAME = True


@library(scope="GLOBAL")
class Logins:
    """Finds out whether a server wants a login, and makes logins."""

    def __init__(self, forward: PortForward = FORWARD) -> None:
        """Reach an identity provider of the cluster by this."""
        self._forward = forward
        self._silent: dict[str, tuple[float, RequestError]] = {}  # by URL: since when, and the failure

    @keyword(name="Check If MLflow Wants A Login")
    def wants_login(self, entry: EntryPoint) -> bool | None:
        """Return whether MLflow at an entry point wants a login, None where it does not answer.

        One that let the whole time limit pass is not asked again for 60 s.
        """
        if self._find_silence(entry):
            return None
        try:
            status = _ask(replace(entry, login=None))
        except RequestError as error:
            if error.kind == "timeout":
                self._silent[entry.url] = (time.monotonic(), error)
            return None
        return {requests.codes.ok: False, requests.codes.unauthorized: True}.get(status)

    @keyword(name="MLflow Should Have Answered")
    def should_have_answered(self, entry: EntryPoint) -> None:
        """Fail where MLflow let the time limit pass when it was last asked for a login; it is not asked now.

        Raises RequestError.
        """
        if error := self._find_silence(entry):
            raise error

    def _find_silence(self, entry: EntryPoint) -> RequestError | None:
        since, error = self._silent.get(entry.url, (0.0, None))
        return error if error and time.monotonic() - since < SILENCE else None

    @keyword(name="Check If MLflow Accepts Login")
    def accepts_login(self, entry: EntryPoint) -> bool | None:
        """Return whether MLflow accepts the login of an entry point, None where it does not answer.

        Raises TokenError where there is no valid token to try.
        """
        try:
            status = _ask(entry)
        except RequestError:
            return None
        return {requests.codes.ok: True, requests.codes.unauthorized: False}.get(status)

    @keyword(name="Get Login App Of MLflow")
    def login_app(self, workload: Object) -> str | None:
        """Return the app that MLflow's container names, such as basic-auth; None where nobody logs in."""
        container = main_container(workload)
        words = " ".join([*container.get("command", ()), *container.get("args", ())])
        found = re.search(r"--app-name[= ](\S+)", words)
        return found[1] if found else None

    @keyword
    def get_login_from_environment(self) -> RequestLogin | None:
        """Return the login that the variables of mlflow's own client give, None without them.

        As there, MLFLOW_TRACKING_USERNAME and _PASSWORD, or the same in ~/.mlflow/credentials, win over
        MLFLOW_TRACKING_TOKEN, and that over MLFLOW_TRACKING_AUTH. Raises LoginError where one of a pair is
        missing, TokenError for an unknown plugin.
        """
        from mlflow.utils.credentials import read_mlflow_creds  # noqa: PLC0415 - heavy

        username, password = read_mlflow_creds()
        if username and password:
            return Login(username, Secret(password))
        if username or password:
            missing = PASSWORD if username else USERNAME
            raise LoginError(f"{missing} is not set: MLflow's login needs both {USERNAME} and {PASSWORD}.")
        token = self.get_token_from_environment(TOKEN)
        plugin = os.environ.get(PLUGIN)
        return token or (PluginLogin(plugin) if plugin else None)

    @keyword
    def get_token_from_environment(self, variable: str) -> GivenToken | None:
        """Return the token or API key that a variable holds, None where it is not set."""
        token = os.environ.get(variable)
        return GivenToken(Secret(token), variable) if token else None

    @keyword
    def get_entry_point_with_workspace(self, entry: EntryPoint) -> EntryPoint:
        """Return the same entry point, asked in the workspace that MLFLOW_WORKSPACE names, if it does."""
        return replace(entry, workspace=os.environ.get(WORKSPACE) or None)

    @keyword
    def get_entry_point_of_login_page(self, entry: EntryPoint, url: str) -> EntryPoint:
        """Return how to reach the provider's login page, to which a server sends its visitors.

        A Service of the cluster is reached by port-forward. Any other provider in the server's own domain is
        taken to be behind the same gateway.
        """
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        if is_service(url):
            return self._find_provider(origin)
        domain = (urlsplit(entry.url).hostname or "").partition(".")[2]
        same = bool(domain) and (parts.hostname or "").partition(".")[2] == domain
        return EntryPoint(origin, entry.address if same else None)

    @keyword
    def make_login_from_secret(self, secret: str, values: Mapping[str, Secret]) -> RequestLogin:
        """Return the login that a Secret's values hold: a user and password, or a client of a provider.

        Raises LoginError where one of them is missing; `secret` is what the message calls the Secret.
        """
        keys = CLIENT_KEYS if values.keys() & set(CLIENT_KEYS) else USER_KEYS
        missing = [key for key in keys if key not in values]
        if missing:
            raise LoginError(f"{secret} has no key {' and no key '.join(missing)}.")
        first, second = values[keys[0]], values[keys[1]]
        if keys is USER_KEYS:
            return Login(first.value, second)
        provider = self._find_provider(values["OIDC_TOKEN_URL"].value)
        return ClientCredentials(first.value, second, provider, secret)

    def _find_provider(self, token_url: str) -> EntryPoint:
        """Return how to reach a token URL: one of a Service of the cluster by port-forward."""
        if not is_service(token_url):
            return EntryPoint(token_url)
        name, namespace = (urlsplit(token_url).hostname or "").split(".")[:2]
        return self._forward.get_entry_point_of_url(token_url, namespace, name)

    @keyword
    def get_entry_point_with_login(self, entry: EntryPoint, login: RequestLogin | None) -> EntryPoint:
        """Return the same entry point, asked with another login from now on, or without one."""
        return replace(entry, login=login)

    @keyword
    def make_login(self, username: str, password: str) -> Login:
        """Return a login that is no secret: one that must be rejected."""
        return Login(username, Secret(password))

    @keyword
    def copy_token(self, login: RequestLogin) -> BearerToken:
        """Return the token that a login sends now; nobody renews the copy.

        Raises LoginError for a login that sends no token.
        """
        scheme, _, token = login.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer":
            raise LoginError(f"{login} sends no token.")
        return BearerToken(Secret(token))

    @keyword
    def forge_token(self, token: BearerToken) -> BearerToken:
        """Return the same token with another signature."""
        text = token.token.value
        head, _, signature = text.rpartition(".")
        return BearerToken(Secret(f"{head}.{signature[::-1]}"))

    @keyword
    def get_expiry_of_token(self, token: BearerToken) -> float | None:
        """Return when a token expires, in seconds since the epoch; None where it does not say so."""
        return read_expiry(token.token.value)


def is_service(url: str) -> bool:
    """Return whether a URL's host is the name of a Service in the cluster."""
    return (urlsplit(url).hostname or "").split(".")[2:3] == ["svc"]


def _ask(entry: EntryPoint) -> int:
    """Return the status of the answer to a request that wants a login in every release.

    Raises RequestError where there is no answer.
    """
    return send_request(entry, "GET", ASKED, REQUEST_LIMIT).status_code

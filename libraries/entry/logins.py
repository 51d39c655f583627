"""Whether MLflow wants a login, and where the login comes from."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace

import requests
from robot.api.deco import keyword, library
from robot.api.types import Secret

from entry.entry_point import EntryPoint, Login
from entry.http_requests import RequestError, send_request
from kube.model import Object

USERNAME, PASSWORD = "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"  # as mlflow's own client has them
REQUEST_LIMIT = 15  # seconds


class LoginError(Exception):
    """There is no login where one is wanted; the message says where it was looked for."""

    ROBOT_SUPPRESS_NAME = True


@library(scope="GLOBAL")
class Logins:
    """Finds out whether a server wants a login, and makes logins."""

    @keyword(name="Check If MLflow Wants A Login")
    def wants_login(self, entry: EntryPoint) -> bool | None:
        """Return whether MLflow at an entry point wants a login, None where it does not answer.

        Asked is /version, which MLflow's basic-auth app answers 401 and MLflow without it 200.
        """
        status = _status_of_version(replace(entry, login=None))
        return {requests.codes.ok: False, requests.codes.unauthorized: True}.get(status)

    @keyword(name="Check If MLflow Accepts Login")
    def accepts_login(self, entry: EntryPoint) -> bool | None:
        """Return whether MLflow accepts the login of an entry point, None where it does not answer."""
        return {requests.codes.ok: True, requests.codes.unauthorized: False}.get(_status_of_version(entry))

    @keyword(name="Check If MLflow Is Started With Logins")
    def starts_with_logins(self, workload: Object) -> bool:
        """Return whether MLflow's container starts the app basic-auth: without it MLflow wants no login."""
        container = workload["spec"]["template"]["spec"]["containers"][0]
        words = [*container.get("command", ()), *container.get("args", ())]
        return "--app-name=basic-auth" in " ".join(words).replace("--app-name ", "--app-name=")

    @keyword
    def get_login_from_environment(self) -> Login | None:
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
    def make_login_from_secret(self, secret: str, values: Mapping[str, Secret]) -> Login:
        """Return the login that a Secret's values, username and password, hold.

        Raises LoginError where one of them is missing; `secret` is what the message calls the Secret.
        """
        missing = [key for key in ("username", "password") if key not in values]
        if missing:
            raise LoginError(f"{secret} has no key {' and no key '.join(missing)}.")
        return Login(values["username"].value, values["password"])

    @keyword
    def make_login(self, username: str, password: str) -> Login:
        """Return a login that is no secret: one that must be rejected."""
        return Login(username, Secret(password))


def _status_of_version(entry: EntryPoint) -> int:
    """Return the status of the answer to GET /version, 0 where there is none."""
    try:
        return send_request(entry, "GET", "/version", REQUEST_LIMIT).status_code
    except RequestError:
        return 0

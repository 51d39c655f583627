"""Whether a server wants a login, and where the login comes from."""

from __future__ import annotations

import os
from collections.abc import Mapping

import requests
from robot.api.deco import keyword, library
from robot.api.types import Secret

from entry.entry_point import EntryPoint, Login

USERNAME, PASSWORD = "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"  # as mlflow's own client has them
REQUEST_LIMIT = 15


class LoginError(Exception):
    """There is no login where one is wanted; the message says where it was looked for."""

    ROBOT_SUPPRESS_NAME = True


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

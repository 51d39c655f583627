"""Logins by a token: one that was given, one that is renewed by client credentials, or an mlflow plugin's."""

from __future__ import annotations

import base64
import binascii
import json
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import requests
from robot.api.types import Secret

from connection_failures import describe_failure
from entry.entry_point import BearerToken, EntryError, EntryPoint, RequestLogin, UnshownText

if TYPE_CHECKING:
    from authlib.integrations.requests_client import OAuth2Session

LEEWAY = 40  # seconds before its end from which on a token is replaced: longer than a page takes to be drawn
REQUEST_LIMIT = 15  # seconds
IN_THE_BODY = "client_secret_post"  # RFC 6749, section 2.3.1
JWT_PARTS = 3  # RFC 7519, section 3.1


class TokenError(EntryError):
    """There is no valid token; the message says why, and what to do."""


@dataclass(frozen=True)
class GivenToken(BearerToken):
    """A token that somebody gave, by the name of `source`. Nobody can renew it, but its end can be named."""

    source: str

    @property
    def headers(self) -> dict[str, str]:
        """The header Authorization. Raises TokenError where the token has expired."""
        end = read_expiry(self.token.value)
        if end is not None and end < time.time():
            when = datetime.fromtimestamp(end, UTC)
            raise TokenError(f"{self.source} expired at {when:%Y-%m-%d %H:%M:%S} UTC: set a new one.")
        return super().headers


class ClientCredentials(RequestLogin):
    """A client's id and secret at an identity provider, which gives a token for them, and new ones later.

    RFC 6749, section 4.4. `provider` is the token URL, as an entry point; `source` is what messages call the
    place that the client comes from.
    """

    def __init__(self, client: str, secret: Secret, provider: EntryPoint, source: str) -> None:
        """Name the client; nothing is asked yet."""
        self._client, self._secret, self._provider, self._source = client, secret, provider, source
        self._asking = threading.Lock()
        self._session: OAuth2Session | None = None

    @property
    def headers(self) -> dict[str, str]:
        """The header Authorization, with a token that is valid for some seconds more.

        Raises TokenError where the provider gives none.
        """
        return {"Authorization": UnshownText(f"Bearer {self.read_token().value}")}

    def read_token(self) -> Secret:
        """Return a token that is valid for some seconds more. Raises TokenError where there is none."""
        from authlib.common.errors import AuthlibBaseError  # noqa: PLC0415 - not needed without such a login

        with self._asking:
            self._session = self._session or self._open_session()
            try:
                if self._session.token:
                    self._session.ensure_active_token()
                else:
                    self._session.fetch_token(self._provider.url, grant_type="client_credentials")
            except AuthlibBaseError as error:
                raise self._rejected(error.error, error.description) from None
            except requests.HTTPError as error:
                raise self._rejected(f"HTTP {error.response.status_code}", "") from None
            except requests.RequestException as error:
                raise TokenError(
                    f"The identity provider of {self._source}, {self._provider}, gives no token: "
                    f"{describe_failure(error)}."
                ) from None
            except ValueError as error:  # what came is no JSON object
                raise self._rejected(str(error).rstrip("."), "") from None
            return Secret(self._session.token["access_token"])

    def _open_session(self) -> OAuth2Session:
        from authlib.integrations.requests_client import OAuth2Session  # noqa: PLC0415 - as above

        return OAuth2Session(
            self._client,
            self._secret.value,
            token_endpoint=self._provider.url,
            token_endpoint_auth_method=IN_THE_BODY,
            grant_type="client_credentials",
            leeway=LEEWAY,
            default_timeout=REQUEST_LIMIT,
        )

    def _rejected(self, error: str, description: str) -> TokenError:
        why = f"{error} ({description})" if description else error
        return TokenError(
            f"The identity provider {self._provider} gives client {self._client} no token: {why}. Correct "
            f"{self._source}."
        )

    def __str__(self) -> str:
        """Return whose login it is."""
        return f"the login of client {self._client}"


class PluginLogin(RequestLogin):
    """What a plugin of mlflow's client adds to a request: MLFLOW_TRACKING_AUTH."""

    def __init__(self, name: str) -> None:
        """Find the plugin. Raises TokenError where mlflow has none of this name."""
        from mlflow.tracking.request_auth.registry import fetch_auth  # noqa: PLC0415 - heavy

        self._name, self._auth = name, fetch_auth(name)
        if self._auth is None:
            raise TokenError(
                f"MLFLOW_TRACKING_AUTH is {name!r}, but mlflow has no plugin of this name here: install it "
                "beside mlflow."
            )

    @property
    def headers(self) -> dict[str, str]:
        """All headers that the plugin adds. Raises TokenError where it has no login to give."""
        from mlflow.exceptions import MlflowException  # noqa: PLC0415 - heavy

        request = requests.Request("GET", "http://mlflow/").prepare()
        before = dict(request.headers)
        try:
            added = dict(self._auth(request).headers).items() - before.items()
        except MlflowException as error:
            raise TokenError(f"mlflow's plugin {self._name} gives no login: {error.message}") from None
        return {name: UnshownText(value) for name, value in added}

    def __str__(self) -> str:
        """Return whose login it is."""
        return f"the login of mlflow's plugin {self._name}"


def read_expiry(token: str) -> float | None:
    """Return when a JWT expires, in seconds since the epoch; None where it does not say so, or is no JWT.

    Nothing is verified: this is for a message.
    """
    parts = token.split(".")
    if len(parts) != JWT_PARTS:
        return None
    try:
        end = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4))).get("exp")
    except (binascii.Error, ValueError, AttributeError):
        return None
    return float(end) if isinstance(end, (int, float)) else None

"""The Kubernetes client's configuration of a kubeconfig's context: its logins, certificates and proxies.

What kubectl does and the client does not: a plugin that fails is an error and no anonymous request, a file
with a token is read anew, NO_PROXY does not concern `proxy-url`, a proxy can want a login, and requests can
be impersonated.
"""

from __future__ import annotations

import base64
import json
import re
import warnings
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from urllib3.exceptions import InsecureRequestWarning
from urllib3.util import make_headers

from kube.kubeconfig import Context, KubeconfigError
from kube.proxies import find_proxy

LONGEST_REASON = 300  # characters of what a plugin printed
CERTIFICATE_OF_PLUGIN = {
    "client-certificate-data": "clientCertificateData",
    "client-key-data": "clientKeyData",
}
EARLY = timedelta(seconds=10)  # before its end a token counts as expired


def make_configuration(context: Context, environment: Mapping[str, str]) -> Any:  # noqa: ANN401 - no types
    """Return a `kubernetes.client.Configuration`; raises KubeconfigError where the context cannot be used."""
    from kubernetes import client, config  # noqa: PLC0415 - heavy, and not needed for a dry run

    server, host = _server_and_host(context)
    login = Login(context)
    reduced = {
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": dict(context.cluster)}],
        "users": [{"name": "u", "user": login.certificates_and_password}],
    }
    configuration = client.Configuration()
    try:
        config.load_kube_config_from_dict(reduced, client_configuration=configuration, persist_config=False)
    except (config.ConfigException, ValueError) as error:  # a file that is missing, data that is not base64
        raise KubeconfigError(f"the certificates of context {context.name} are not there: {error}") from error
    if login.has_token:
        configuration.refresh_api_key_hook = login.refresh
        login.refresh(configuration)
    if not configuration.verify_ssl:  # as the kubeconfig says
        warnings.filterwarnings("ignore", f".*{re.escape(repr(host))}", InsecureRequestWarning)
    configuration.impersonation = _impersonation(context)
    _choose_proxy(configuration, context.cluster.get("proxy-url") or find_proxy(server, environment))
    return configuration


def _server_and_host(context: Context) -> tuple[str, str]:
    """Return the URL of the API server, and its host."""
    server = str(context.cluster.get("server", ""))
    try:
        parts = urlsplit(server)
        is_url = parts.scheme in {"http", "https"} and parts.port != 0
    except ValueError:  # the port is no number, or too large
        is_url = False
    if not is_url or not parts.hostname:
        raise KubeconfigError(
            f"cluster {context.cluster_name} has the server {server!r}: write a URL, as https://192.0.2.7:6443"
        )
    return server, parts.hostname


class Login:
    """What a user of the kubeconfig logs in with. As in kubectl, a token wins over a plugin."""

    def __init__(self, context: Context) -> None:
        """Run the user's plugin, where it has one. Raises KubeconfigError where that fails."""
        self._context = context
        self._user = dict(context.user)
        self._expires: datetime | None = None
        if "exec" in self._user and not self.has_token:
            self._run_plugin()
        elif "auth-provider" in self._user:
            self._user["token"] = _token_of_provider(context)

    @property
    def has_token(self) -> bool:
        """Whether requests carry a token."""
        return bool({"token", "tokenFile"} & self._user.keys())

    @property
    def certificates_and_password(self) -> dict[str, Any]:
        """The user as the Kubernetes client takes it."""
        own = {"token", "tokenFile", "exec", "auth-provider"}
        return {key: value for key, value in self._user.items() if key not in own}

    def refresh(self, configuration: Any) -> None:  # noqa: ANN401 - no types
        """Give the client the token that is valid now; it calls this before each request."""
        if self._expires and datetime.now(UTC) > self._expires - EARLY:
            self._run_plugin()
        token = self._read_token().strip()
        if not token.isascii() or not token.isprintable():  # the error of http.client would show it
            raise KubeconfigError(
                f"the token of user {self._context.user_name} has characters that no request can carry"
            )
        configuration.api_key["BearerToken"] = f"Bearer {token}"

    def _read_token(self) -> str:
        file = self._user.get("tokenFile")
        if not file:
            return str(self._user["token"])
        try:
            return Path(file).read_text(encoding="utf-8")
        except OSError as error:
            raise KubeconfigError(
                f"the token file of user {self._context.user_name} cannot be read: {file}: {error.strerror}"
            ) from error

    def _run_plugin(self) -> None:
        status = run_plugin(self._context)
        if "token" in status:
            self._user["token"] = status["token"]
        for key, said in CERTIFICATE_OF_PLUGIN.items():
            if said in status:
                self._user[key] = base64.b64encode(status[said].encode()).decode()
        end = status.get("expirationTimestamp")
        try:
            self._expires = datetime.fromisoformat(end).astimezone(UTC) if end else None
        except (TypeError, ValueError) as error:
            raise KubeconfigError(f"the login plugin of user {self._context.user_name}: {error}") from error


def run_plugin(context: Context) -> dict[str, Any]:
    """Return the `status` of what a user's plugin answers: a token, or a certificate with its key.

    https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins
    """
    from kubernetes.config import ConfigException  # noqa: PLC0415 - heavy, and not needed for a dry run
    from kubernetes.config.exec_provider import ExecProvider  # noqa: PLC0415
    from kubernetes.config.kube_config import ConfigNode  # noqa: PLC0415

    plugin: dict[str, Any] = context.user["exec"]
    failed = f"the login plugin {plugin.get('command')} of user {context.user_name} failed"
    cluster = ConfigNode("cluster", _with_data(context.cluster))
    try:
        status: dict[str, Any] = ExecProvider(ConfigNode("exec", plugin), None, cluster).run() or {}
    except OSError as error:
        hint = str(plugin.get("installHint", "")).strip().partition("\n")[0]
        raise KubeconfigError(f"{failed}: {error.strerror}{f' ({hint})' if hint else ''}") from error
    except ConfigException as error:
        raise KubeconfigError(f"{failed}: {' '.join(str(error).split())[:LONGEST_REASON]}") from error
    if not status.keys() & {"token", "clientCertificateData"}:
        raise KubeconfigError(f"{failed}: it answered neither a token nor a certificate")
    return status


def _with_data(cluster: Mapping[str, Any]) -> dict[str, Any]:
    """Return a cluster as plugins get it, with its authority's certificate instead of a file's name."""
    file = Path(cluster.get("certificate-authority", ""))
    if not file.is_file() or "certificate-authority-data" in cluster:
        return dict(cluster)
    return {**cluster, "certificate-authority-data": base64.b64encode(file.read_bytes()).decode()}


def _token_of_provider(context: Context) -> str:
    """Return the token of a user that logs in by the auth-provider oidc, the last one that kubectl has.

    kubectl renews it and writes the new one into the kubeconfig, which is not done here.
    """
    provider = context.user["auth-provider"]
    if provider.get("name") != "oidc":
        raise KubeconfigError(
            f"user {context.user_name} logs in by auth-provider {provider.get('name')}, which kubectl has no "
            "more: let the provider's own tool write the kubeconfig anew, with a login plugin"
        )
    token = str((provider.get("config") or {}).get("id-token", ""))
    try:
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        expired = datetime.fromtimestamp(claims["exp"], UTC) - EARLY < datetime.now(UTC)
    except (IndexError, ValueError, KeyError, TypeError):
        expired = True
    if expired:
        raise KubeconfigError(
            f"the OIDC login of user {context.user_name} has expired: renew it with any kubectl command, as "
            "`kubectl get namespaces`"
        )
    return token


def _impersonation(context: Context) -> list[tuple[str, str]]:
    """Return the headers by which a user's requests are another's: `as`, `as-uid`, `as-groups`, ..."""
    user = context.user
    headers = [("Impersonate-User", user["as"])] if "as" in user else []
    headers += [("Impersonate-Uid", user["as-uid"])] if "as-uid" in user else []
    headers += [("Impersonate-Group", group) for group in user.get("as-groups", ())]
    headers += [
        (f"Impersonate-Extra-{quote(key, safe='')}", value)
        for key, values in user.get("as-user-extra", {}).items()
        for value in values
    ]
    return headers


def _choose_proxy(configuration: Any, proxy: str | None) -> None:  # noqa: ANN401 - no types
    """Let requests go through a proxy, or for None directly, whatever the environment says."""
    parts = urlsplit(proxy or "")
    if proxy and parts.scheme == "socks5":
        proxy = proxy.replace("socks5", "socks5h", 1)  # kubectl leaves host names to the proxy
    configuration.proxy = proxy
    configuration.no_proxy = ""
    if parts.username and parts.scheme in {"http", "https"}:
        login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        configuration.proxy_headers = make_headers(proxy_basic_auth=login)

"""The one connection to the cluster of a kubeconfig's context, for all that reads or changes it."""

from __future__ import annotations

import json
import os
from copy import copy
from functools import cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import urllib3

from connection_failures import describe_failure
from kube.configuration import make_configuration
from kube.connection import CONNECT_LIMIT, connect
from kube.kubeconfig import Context, KubeconfigError, list_files, read_context, read_service_account

if TYPE_CHECKING:
    from KubeLibrary import KubeLibrary
    from kubernetes.client import Configuration

LONGEST_MESSAGE = 400  # characters of what the API server said
# How the API server answers for a kind that it had when the client last looked, and has no more.
UNKNOWN_PATH = "404 page not found"
# What to do about a connection that fails, by its kind.
HINTS = {
    "certificate": "name its authority in certificate-authority of the kubeconfig's cluster, or in "
    "tls-server-name the name that the certificate is for",
    "name": "correct `server` of the kubeconfig's cluster, or choose another context",
    "proxy": "correct the proxy, or name the server's host in NO_PROXY",
    "tls": "check that `server` of the kubeconfig's cluster speaks HTTPS, and check its certificates",
}
OTHERWISE = "bring the cluster up, or choose another context"
HINTS_BY_STATUS = {
    HTTPStatus.UNAUTHORIZED: "; log in again",
    HTTPStatus.FORBIDDEN: "; docs/permissions.yaml has what the suites need",
}


class ClusterError(Exception):
    """The cluster did not do what was asked of it; the message says why in one sentence."""

    ROBOT_SUPPRESS_NAME = True


class ClusterClient:
    """The connection to a cluster, made on first use, so that a dry run needs no cluster."""

    def __init__(self) -> None:
        """Ask the kubeconfig's current context, unless `choose_context` names another one."""
        self._chosen = ""

    def choose_context(self, name: str) -> None:
        """Ask this context of the kubeconfig, for an empty name its current one. It must be chosen first."""
        self._chosen = name

    @cached_property
    def connection(self) -> KubeLibrary:
        """KubeLibrary with a connection that was tried; raises ClusterError where there is none."""
        self._read_version()
        return self.call("read which kinds there are", connect, self._configuration)

    def describe(self) -> dict[str, str]:
        """Return `context`, `server` and `version` of the cluster."""
        version = self._read_version()
        return {"context": self._access.name, "server": self._configuration.host, "version": version}

    def call(self, action: str, function: Any, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401
        """Call a function of the client; its errors become "Cannot `action`: ..." in one sentence."""
        from kubernetes.client import ApiException  # noqa: PLC0415
        from kubernetes.dynamic.exceptions import (  # noqa: PLC0415
            DynamicApiError,
            ResourceNotFoundError,
        )

        try:
            return function(*arguments, **options)
        except ResourceNotFoundError as error:
            raise ClusterError(f"Cannot {action}: this cluster does not know that kind.") from error
        except (ApiException, DynamicApiError) as error:
            # Of a websocket that is rejected, the client keeps only a text; the status is beneath it.
            answer = error.__context__ if isinstance(error.__context__, ApiException) else error
            if answer.status == HTTPStatus.NOT_FOUND and UNKNOWN_PATH in str(answer.body):
                raise ClusterError(f"Cannot {action}: this cluster does not know that kind.") from answer
            said = _api_message(answer) if answer.status else describe_failure(error)
            raise ClusterError(
                f"Cannot {action}: {said}{HINTS_BY_STATUS.get(answer.status, '')}."
            ) from answer
        except urllib3.exceptions.HTTPError as error:
            raise ClusterError(f"Cannot {action}: {describe_failure(error)}.") from error
        except KubeconfigError as error:  # a login that cannot be renewed
            raise ClusterError(f"Cannot {action}: {error}.") from error

    @cached_property
    def _access(self) -> Context:
        try:
            context = read_context(self._chosen, os.environ) or read_service_account(os.environ)
        except KubeconfigError as error:
            raise ClusterError(f"No cluster to verify: {error}.") from error
        if context:
            return context
        files = " and ".join(map(str, list_files(os.environ)))
        raise ClusterError(
            f"No cluster to verify: there is no kubeconfig ({files}); set KUBECONFIG, or make a cluster with "
            "`tox -e cluster -- up`."
        )

    @cached_property
    def _configuration(self) -> Configuration:
        try:
            return make_configuration(self._access, os.environ)
        except KubeconfigError as error:
            raise ClusterError(f"No cluster to verify: {error}.") from error

    def _read_version(self) -> str:
        """Return the cluster's version; raises ClusterError, with what to set, where it does not answer."""
        from kubernetes import client  # noqa: PLC0415 - heavy, and not needed for a dry run

        place = f"{self._configuration.host} (context {self._access.name})"
        once = copy(self._configuration)
        once.retries = False
        try:
            with client.ApiClient(once) as probe:
                found = client.VersionApi(probe).get_code(_request_timeout=(CONNECT_LIMIT, CONNECT_LIMIT))
            return str(found.git_version)
        except KubeconfigError as error:
            raise ClusterError(f"Cannot ask the Kubernetes API at {place}: {error}.") from error
        except urllib3.exceptions.HTTPError as error:
            raise _unreachable(place, once.proxy, error) from error
        except client.ApiException as error:
            if not error.status:
                raise _unreachable(place, once.proxy, error) from error
            if error.status == HTTPStatus.FORBIDDEN:
                return "of a version that may not be read"
            if error.status == HTTPStatus.UNAUTHORIZED:
                user = self._access.user_name or "nobody, because the context has no user"
                raise ClusterError(
                    f"The Kubernetes API at {place} does not accept the login of {user} "
                    "(401 Unauthorized): log in again, or choose another context."
                ) from error
            raise _no_kubernetes(place, f"it answers {_api_message(error)}") from error
        except ValueError as error:  # of pydantic and json
            raise _no_kubernetes(place, "its /version names no version of it") from error


CLUSTER = ClusterClient()


def status_of(error: ClusterError) -> int | None:
    """Return the HTTP status with which the API server rejected it, None where it did not answer with one."""
    status: int | None = getattr(error.__cause__, "status", None)
    return status


def _api_message(error: Any) -> str:  # noqa: ANN401 - the client's two error classes share no base
    """Return what the API server said, in the words of its Status object, without a full stop."""
    body = error.body.decode(errors="replace") if isinstance(error.body, bytes) else error.body
    try:
        said = json.loads(body)["message"]
    except (ValueError, KeyError, TypeError):
        said = error.reason if not body or "<" in body else body  # a page says it at length
    words = " ".join(str(said).split()).removeprefix(f"{error.status} ")
    return f"{error.status} {words}"[:LONGEST_MESSAGE].rstrip(".")


def _unreachable(place: str, proxy: str | None, error: Exception) -> ClusterError:
    failure = describe_failure(error)
    through = f" through the proxy {_without_login(proxy)}" if proxy else ""
    hint = HINTS.get(failure.kind, OTHERWISE)
    return ClusterError(f"Cannot reach the Kubernetes API at {place}{through}: {failure}; {hint}.")


def _no_kubernetes(place: str, why: str) -> ClusterError:
    return ClusterError(
        f"There is no Kubernetes API at {place}: {why}; correct `server` of the kubeconfig's cluster."
    )


def _without_login(proxy: str) -> str:
    parts = urlsplit(proxy)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()

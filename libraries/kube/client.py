"""The one connection to the cluster of the current kubeconfig context, for all that reads or changes it."""

from __future__ import annotations

import json
from functools import cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import urllib3

from connection_failures import describe_failure

if TYPE_CHECKING:
    from KubeLibrary import KubeLibrary

CONNECT_LIMIT = 10  # seconds
LONGEST_MESSAGE = 400  # characters of what the API server said
# How the API server answers for a kind that it had when the client last looked, and has no more.
UNKNOWN_PATH = "404 page not found"


class ClusterError(Exception):
    """The cluster did not do what was asked of it; the message says why in one sentence."""

    ROBOT_SUPPRESS_NAME = True


class ClusterClient:
    """KubeLibrary, connected on first use, so that a dry run needs no cluster.

    KubeLibrary makes the connection and serves to read, create, patch and delete. What it does not offer
    (evictions, logs since a moment, several programs in pods at once) uses the same connection through the
    Kubernetes client beneath it.
    """

    @cached_property
    def library(self) -> KubeLibrary:
        """KubeLibrary with a connection that was tried; raises ClusterError where there is none."""
        from kubernetes import client, config  # noqa: PLC0415 - heavy, and not needed for a dry run

        try:
            config.load_kube_config()
        except config.ConfigException as error:
            raise ClusterError(
                f"No cluster to verify: no usable kubeconfig ({str(error).rstrip('.')}); "
                "set KUBECONFIG, or make a cluster with `tox -e cluster -- up`."
            ) from error
        # KubeLibrary asks the API server as soon as it is made, and knows no time limit.
        configuration = client.Configuration.get_default_copy()
        configuration.retries = False
        try:
            with client.ApiClient(configuration) as probe:
                client.VersionApi(probe).get_code(_request_timeout=CONNECT_LIMIT)
        except client.ApiException as error:
            raise ClusterError(
                f"The Kubernetes API at {configuration.host} rejects this kubeconfig: "
                f"{error.status} {error.reason}."
            ) from error
        except Exception as error:
            raise ClusterError(
                f"The Kubernetes API at {configuration.host} could not be asked: {describe_failure(error)}; "
                "is the cluster up?"
            ) from error
        from KubeLibrary import KubeLibrary  # noqa: PLC0415 - heavy, and not needed for a dry run

        return KubeLibrary()

    def describe(self) -> dict[str, str]:
        """Return `context`, `server` and `version` of the cluster."""
        api = self.library.api_client
        from kubernetes import client, config  # noqa: PLC0415 - heavy, and not needed for a dry run

        _, active = config.list_kube_config_contexts()
        version = self.call("read the version", client.VersionApi(api).get_code)
        return {"context": active["name"], "server": api.configuration.host, "version": version.git_version}

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
            if error.status == HTTPStatus.NOT_FOUND and UNKNOWN_PATH in str(error.body):
                raise ClusterError(f"Cannot {action}: this cluster does not know that kind.") from error
            said = _api_message(error) if error.status else describe_failure(error)
            raise ClusterError(f"Cannot {action}: {said}.") from error
        except urllib3.exceptions.HTTPError as error:
            raise ClusterError(f"Cannot {action}: {describe_failure(error)}.") from error


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
        said = body or error.reason
    return f"{error.status} {str(said).strip()}"[:LONGEST_MESSAGE].rstrip(".")

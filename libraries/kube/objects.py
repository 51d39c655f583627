"""Reads objects of the cluster, and what follows from several of them."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from http import HTTPStatus

from robot.api.deco import keyword, library
from robot.api.types import Secret

from kube.client import CLUSTER, ClusterClient, ClusterError, status_of
from kube.model import Object, Stack, main_container


@library(scope="GLOBAL")
class Objects:
    """Reads Kubernetes objects. It never changes anything in the cluster."""

    def __init__(self, cluster: ClusterClient = CLUSTER) -> None:
        """Read from this cluster."""
        self._cluster = cluster

    @keyword
    def connect_to_the_cluster(self) -> dict[str, str]:
        """Connect and return `context`, `server` and `version` of the cluster.

        Raises ClusterError, in one sentence, when there is no kubeconfig or no API server that answers.
        """
        return self._cluster.describe()

    @keyword
    def read_object(self, api_version: str, kind: str, name: str, namespace: str | None = None) -> Object:
        """Return one object; raises ClusterError when it is not there or may not be read."""
        what = f"{kind} {name}" + (f" in namespace {namespace}" if namespace else "")
        get = self._cluster.connection.get
        found: Object = self._cluster.call(
            f"read {what}", get, api_version, kind, name=name, namespace=namespace, serializer=_as_sent
        )
        return found

    @keyword
    def read_objects(
        self, api_version: str, kind: str, namespace: str | None = None, selector: str | None = None
    ) -> list[Object]:
        """Return the objects of a kind, in one namespace or in all; raises ClusterError as `Read Object`."""
        what = f"{kind}s" + (f" in namespace {namespace}" if namespace else "")
        get = self._cluster.connection.get
        found = self._cluster.call(
            f"read {what}",
            get,
            api_version,
            kind,
            namespace=namespace,
            label_selector=selector,
            serializer=_as_sent,
        )
        # The items of a list carry no kind of their own; a list without items may have null in their place.
        return [{"apiVersion": api_version, **item, "kind": kind} for item in found["items"] or ()]

    @keyword
    def read_stack(self, namespaces: Sequence[str]) -> Stack:
        """Return what runs in the namespaces now: workloads, their pods, volume claims and Services.

        Raises ClusterError when nothing is deployed there.
        """

        def every(api_version: str, kind: str) -> list[Object]:
            return [
                item for namespace in namespaces for item in self.read_objects(api_version, kind, namespace)
            ]

        stack = Stack(
            workloads=[*every("apps/v1", "Deployment"), *every("apps/v1", "StatefulSet")],
            replica_sets=every("apps/v1", "ReplicaSet"),
            pods=every("v1", "Pod"),
            claims=every("v1", "PersistentVolumeClaim"),
            services=every("v1", "Service"),
        )
        if not stack.workloads:
            raise ClusterError(
                f"Nothing is deployed in the namespaces {' and '.join(namespaces)}: "
                "deploy with `kubectl apply -k kustomize/overlays/<name>`, or choose another context."
            )
        return stack

    @keyword
    def read_secret(self, namespace: str, name: str) -> dict[str, Secret]:
        """Return a Secret's values by their keys; no log shows them.

        Bytes that are no UTF-8 become lone surrogates, as `surrogateescape` makes them. Raises ClusterError
        when the Secret is not there or may not be read.
        """
        return secret_values(self.read_object("v1", "Secret", name, namespace))

    @keyword
    def find_secret(self, namespace: str, name: str) -> dict[str, Secret] | None:
        """Return a Secret's values as `Read Secret`, None where it is not there."""
        try:
            return self.read_secret(namespace, name)
        except ClusterError as error:
            if status_of(error) == HTTPStatus.NOT_FOUND:
                return None
            raise

    def read_mounted_files(self, workload: Object) -> dict[str, str]:
        """Return the files that a workload's first container mounts from ConfigMaps, by their paths.

        The volume may be a ConfigMap's or projected, the mount a whole volume's or a `subPath` of it.
        """
        volumes = {
            volume["name"]: volume for volume in workload["spec"]["template"]["spec"].get("volumes") or ()
        }
        files: dict[str, str] = {}
        mounts = main_container(workload).get("volumeMounts") or ()
        # What is mounted below a volume hides the volume's own files there.
        for mount in sorted(mounts, key=lambda each: str(each["mountPath"]).count("/")):
            content = self._files_of_volume(workload, volumes.get(mount["name"], {}))
            files |= _mounted(content, mount["mountPath"].rstrip("/"), mount.get("subPath", "").strip("/"))
        return files

    def _files_of_volume(self, workload: Object, volume: Object) -> dict[str, str]:
        """Return a volume's files from ConfigMaps, by their paths in the volume."""
        files: dict[str, str] = {}
        for source in [volume, *(volume.get("projected", {}).get("sources") or ())]:
            if "configMap" in source:
                wanted = source["configMap"]
                data = self.read_config_map(workload, wanted["name"], optional=wanted.get("optional", False))
                items = wanted.get("items") or [{"key": key, "path": key} for key in data]
                files |= {item["path"]: data[item["key"]] for item in items if item["key"] in data}
        return files

    def read_config_map(self, workload: Object, name: str, *, optional: bool = False) -> Mapping[str, str]:
        """Return the data of a ConfigMap that a workload uses; none where it is `optional` and not there.

        Raises ClusterError where it cannot be read.
        """
        try:
            found = self.read_object("v1", "ConfigMap", name, workload["metadata"]["namespace"])
        except ClusterError as error:
            if optional and status_of(error) == HTTPStatus.NOT_FOUND:
                return {}
            raise
        data: Mapping[str, str] = found.get("data") or {}
        return data


def _mounted(content: Mapping[str, str], mount: str, sub_path: str) -> dict[str, str]:
    """Return a volume's files by the paths where a mount, perhaps of only one file or folder, shows them."""
    if not sub_path:
        return {f"{mount}/{path}": text for path, text in content.items()}
    return {
        mount + path.removeprefix(sub_path): text
        for path, text in content.items()
        if path == sub_path or path.startswith(f"{sub_path}/")
    }


def secret_values(secret: Object) -> dict[str, Secret]:
    """Return the values of a Secret object by their keys, decoded as `Read Secret` says."""
    return {
        key: Secret(base64.b64decode(value).decode(errors="surrogateescape"))
        for key, value in (secret.get("data") or {}).items()
    }


def _as_sent(_: object, answer: Object) -> Object:
    """Return an object as the API server sent it; the client's own objects cost more than the request."""
    return answer

"""The places where a secret may leak: logs, command lines, objects, and the output of the suites' own run."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from robot.api.deco import keyword, library

from kube.client import ClusterError
from kube.model import Object, containers_of, statuses_of
from kube.objects import Objects
from kube.pods import Pods

MOST_LINES = 20_000  # of a log, its last ones
# A list of all command lines holds that of the shell that makes it; without this mark nothing was listed.
MARK = "this shell lists the command lines"
LIST_COMMAND_LINES = ("sh", "-c", f"cat /proc/[0-9]*/cmdline; true {MARK}")
# Every kind of object that the suites may read anyhow.
KINDS = (
    ("apps/v1", "Deployment"),
    ("apps/v1", "StatefulSet"),
    ("apps/v1", "ReplicaSet"),
    ("v1", "Pod"),
    ("v1", "ConfigMap"),
    ("v1", "Service"),
    ("v1", "PersistentVolumeClaim"),
    ("v1", "Event"),
)


@dataclass(frozen=True)
class Texts:
    """Texts of one sort, such as `log`, each by the place that it is from.

    `unread` says of places that could not be read, or not wholly, why not.
    """

    sort: str
    by_place: dict[str, str] = field(default_factory=dict, repr=False)  # not searched yet, so no log shows it
    unread: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Log:
    """The log of one run of a container: its end, None where it could not be read.

    `previous` is whether it is that of the run before the last restart. `unread` says what could not be read,
    and why; it is empty where the log was read from its start.
    """

    namespace: str
    pod: str
    container: str
    previous: bool
    text: str | None = field(default=None, repr=False)
    unread: str = ""

    def __str__(self) -> str:
        """Return the log's name, as a part of a sentence."""
        run = " before its restart" if self.previous else ""
        return f"the log of {self.container} in pod {self.pod}{run}"


@library(scope="GLOBAL")
class Places:
    """Reads what may hold a leaked secret. What cannot be read is named, and does not count as searched."""

    def __init__(self, objects: Objects, pods: Pods) -> None:
        """Read by these."""
        self._objects, self._pods = objects, pods

    @keyword
    def read_logs_of_pods(self, pods: Sequence[Object]) -> Texts:
        """Return the logs of all containers, also that of the run before a restart; of a long one its end."""
        texts = Texts("log")
        for log in self.read_logs(pods):
            if log.text is not None:
                texts.by_place[str(log)] = log.text
            if log.unread:
                texts.unread.append(log.unread)
        return texts

    def read_logs(self, pods: Sequence[Object]) -> Iterator[Log]:
        """Yield the logs of all containers, also of the runs before a restart; of a long one its end."""
        for pod, container, status in _containers(pods):
            for previous in (False, True) if status.get("restartCount") else (False,):
                log = Log(pod["metadata"]["namespace"], pod["metadata"]["name"], container, previous)
                try:
                    lines = self._pods.read_log(pod, container, lines=MOST_LINES, previous=previous)
                except ClusterError as error:
                    yield replace(log, unread=f"{log} ({error})")
                    continue
                cut = f"{log} before its last {MOST_LINES} lines" if len(lines) == MOST_LINES else ""
                yield replace(log, text="\n".join(lines), unread=cut)

    @keyword
    def read_command_lines_of_pods(self, pods: Sequence[Object]) -> Texts:
        """Return the command lines of all processes in each container that runs."""
        texts = Texts("process list")
        for pod, container, status in _containers(pods):
            if "running" not in status.get("state", {}):
                continue
            place = f"{container} of pod {pod['metadata']['name']}"
            try:
                listed = self._pods.run_in_pod(pod, container, LIST_COMMAND_LINES)
            except ClusterError as error:
                texts.unread.append(f"{place} ({error})")
                continue
            if MARK in listed:
                texts.by_place[f"a command line in {place}"] = listed.replace("\0", " ")
            else:
                texts.unread.append(f"{place} (it has no shell, or no cat)")
        return texts

    @keyword
    def read_objects_of_namespaces(self, namespaces: Sequence[str]) -> Texts:
        """Return workloads, pods, ConfigMaps, events and what else the suites may read, as JSON."""
        texts = Texts("object")
        for namespace in namespaces:
            for api_version, kind in KINDS:
                try:
                    found = self._objects.read_objects(api_version, kind, namespace)
                except ClusterError as error:
                    texts.unread.append(f"{kind}s in namespace {namespace} ({error})")
                    continue
                for item in found:
                    place = f"{kind} {namespace}/{item['metadata']['name']}"
                    texts.by_place[place] = json.dumps(item, default=str, ensure_ascii=False)
        return texts

    @keyword
    def read_output_files(self, *paths: str) -> Texts:
        """Return what Robot Framework has written into files of this run until now.

        A path is `NONE` where Robot Framework writes no such file.
        """
        texts = Texts("file")
        for path in map(Path, paths):
            if path.is_file():
                texts.by_place[path.name] = path.read_text(encoding="utf-8", errors="replace")
        return texts


def _containers(pods: Sequence[Object]) -> Iterator[tuple[Object, str, Object]]:
    """Yield each container of the pods: its pod, its name and its status, which is empty before it starts."""
    for pod in pods:
        statuses = {entry["name"]: entry for entry in statuses_of(pod)}
        for container in containers_of(pod["spec"]):
            yield pod, container["name"], statuses.get(container["name"], {})

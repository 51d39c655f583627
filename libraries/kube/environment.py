"""The environment variables and the command of a workload's first container, as the kubelet makes them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus

from robot.api.deco import keyword, library

from kube.client import ClusterError, status_of
from kube.model import Object, main_container
from kube.objects import Objects

# $(NAME), and $$ for a dollar sign: third_party/forked/golang/expansion/expand.go of kubernetes/kubernetes.
_REFERENCE = re.compile(r"\$(?:\$|\(([^)]*)\))")
# What the kubelet sets for each Service of the namespace, unless enableServiceLinks is false.
_OF_SERVICE = re.compile(r"[A-Z0-9_]+_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT(_[0-9A-Z_]+)?)")


class ReadOnce(Objects):
    """Reads each object once, for what is short enough that none changes meanwhile."""

    def __init__(self, objects: Objects) -> None:
        """Read by these."""
        self._objects = objects
        self._read: dict[tuple[str | None, ...], Object | ClusterError] = {}

    def read_object(self, api_version: str, kind: str, name: str, namespace: str | None = None) -> Object:
        """Return one object as `Objects.read_object`."""
        key = (api_version, kind, name, namespace)
        if key not in self._read:
            try:
                self._read[key] = self._objects.read_object(api_version, kind, name, namespace)
            except ClusterError as error:
                self._read[key] = error
        found = self._read[key]
        if isinstance(found, ClusterError):
            raise found
        return found


@dataclass(frozen=True)
class Variable:
    """An environment variable: its value, None where there is none of that name, or why it is not known."""

    value: str | None = None
    unread: str = ""


@library(scope="GLOBAL")
class Environment:
    """Reads variables from manifests and ConfigMaps, as far as no image sets them. Secrets are not shown."""

    def __init__(self, objects: Objects) -> None:
        """Read ConfigMaps by these."""
        self._objects = objects

    @keyword
    def read_environment_variable(self, workload: Object, variable: str) -> str | None:
        """Return an environment variable of a workload's first container, from its ConfigMap if any.

        None where the workload does not set it. Empty where its value is not known: what a Secret gives is
        not read. Raises ClusterError where its ConfigMap cannot be read.
        """
        found = self.find_variable(workload, variable)
        return "" if found.unread else found.value

    @keyword
    def read_known_variables(self, workload: Object, names: Iterable[str]) -> dict[str, str | None]:
        """Return environment variables by their names, each as `Read Environment Variable`.

        Raises AssertionError where one is not known, because a Secret gives it.
        """
        reader, values = self.reading_once(), {}
        for name in names:
            found = reader.find_variable(workload, name)
            if found.unread:
                where = workload["metadata"]["name"]
                raise AssertionError(f"Variable {name} of {where} is not read, {found.unread}.")
            values[name] = found.value
        return values

    def reading_once(self) -> Environment:
        """Return one for several variables, which reads each ConfigMap and Secret once."""
        return Environment(ReadOnce(self._objects))

    def read_command(self, workload: Object) -> list[str]:
        """Return the command and the arguments of a workload's first container, with variables put in.

        What refers to a variable that is not known stays as the manifest has it.
        """
        container = main_container(workload)
        command = [*(container.get("command") or ()), *(container.get("args") or ())]
        found = [self._put_in(text, partial(self.find_variable, workload)) for text in command]
        return [text if each.value is None else each.value for text, each in zip(command, found, strict=True)]

    def find_variable(self, workload: Object, name: str) -> Variable:
        """Return an environment variable of a workload's first container.

        An entry of `env` wins over `envFrom`, a later one over an earlier one. Raises ClusterError where its
        ConfigMap cannot be read.
        """
        entries = main_container(workload).get("env") or ()
        return self._find(workload, name, entries) or self._find_in_sources(workload, name)

    def _find(self, workload: Object, name: str, entries: Sequence[Object]) -> Variable | None:
        """Return what `env` has of a variable, None where it has nothing."""
        for number in reversed(range(len(entries))):
            if entries[number]["name"] == name:
                return self._value(workload, entries[number], entries[:number])
        return None

    def _value(self, workload: Object, entry: Object, earlier: Sequence[Object]) -> Variable:
        """Return the value of an entry of `env`: it may refer to earlier ones."""
        source = entry.get("valueFrom")
        if not source:
            return self._put_in(
                str(entry.get("value", "")),
                lambda name: self._find(workload, name, earlier) or Variable(),
            )
        if of_map := source.get("configMapKeyRef"):
            data = self._objects.read_config_map(
                workload, of_map["name"], optional=of_map.get("optional", False)
            )
            return Variable(data.get(of_map["key"]))
        if of_secret := source.get("secretKeyRef"):
            return Variable(unread=f"it is key {of_secret['key']} of Secret {of_secret['name']}")
        if (field := source.get("fieldRef", {}).get("fieldPath")) == "metadata.namespace":
            return Variable(workload["metadata"]["namespace"])
        return Variable(unread=f"it is {field or 'a resource'} of the pod")

    def _find_in_sources(self, workload: Object, name: str) -> Variable:
        """Return what `envFrom` has of a variable: the last source that has it wins."""
        for source in reversed(main_container(workload).get("envFrom") or ()):
            prefix = source.get("prefix", "")
            if not name.startswith(prefix):
                continue
            key = name.removeprefix(prefix)
            if of_map := source.get("configMapRef"):
                data = self._objects.read_config_map(
                    workload, of_map["name"], optional=of_map.get("optional", False)
                )
                if key in data:
                    return Variable(str(data[key]))
            elif why := self._why_secret_may_have(workload, source["secretRef"]["name"], key):
                return Variable(unread=why)
        links = workload["spec"]["template"]["spec"].get("enableServiceLinks", True)
        if links and _OF_SERVICE.fullmatch(name):
            return Variable(unread="it is of a Service, if its pod began after that was made")
        return Variable()

    def _why_secret_may_have(self, workload: Object, secret: str, key: str) -> str:
        """Return that a Secret has a key, or that this is not known; empty where it has none."""
        try:
            values = self._objects.find_secret(workload["metadata"]["namespace"], secret) or {}
        except ClusterError as error:
            if status_of(error) != HTTPStatus.FORBIDDEN:
                raise
            return f"Secret {secret} may have it, and may not be read"
        return f"it is key {key} of Secret {secret}" if key in values else ""

    def _put_in(self, text: str, find: Callable[[str], Variable]) -> Variable:
        """Return a text with variables instead of its references.

        A reference to a variable that there is not stays, as the kubelet lets it.
        """
        unread: list[str] = []

        def put(reference: re.Match[str]) -> str:
            if reference[1] is None:
                return "$"
            found = find(reference[1])
            if found.unread:
                unread.append(f"of {reference[1]} in it, {found.unread}")
            return reference[0] if found.value is None else found.value

        value = _REFERENCE.sub(put, text)
        return Variable(unread="; ".join(unread)) if unread else Variable(value)

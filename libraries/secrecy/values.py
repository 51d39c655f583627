"""The values of the Secrets that the stack uses: which of them are searched for, and which cannot be."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

from robot.api.deco import keyword, library
from robot.api.types import Secret

from kube.client import ClusterError, status_of
from kube.model import STACK_SELECTOR, Object
from kube.objects import Objects, secret_values
from messages import counted

SHORTEST = 8  # characters; a shorter value stands in texts by chance
VARIABLE = "environment variable "
URL_ENDINGS = ("_proxy", "_uri", "_url")  # of the names of variables that hold a URL
CERTIFICATE = "-----BEGIN CERTIFICATE-----"
# Keys of the types kubernetes.io/dockerconfigjson and kubernetes.io/dockercfg: JSON with a login a registry.
REGISTRY_LOGINS = frozenset({".dockerconfigjson", ".dockercfg"})


@dataclass(frozen=True)
class SecretValues:
    """The values of Secrets, each by a name such as `Secret NAMESPACE/mlflow-admin, key password`.

    `searched` are looked for in texts. `public` are no secrets, and `too_short` would be found by chance.
    `unread` says of Secrets that could not be read why not.
    """

    searched: dict[str, Secret] = field(default_factory=dict)
    public: list[str] = field(default_factory=list)
    too_short: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """Return how many values are looked for, and which are not."""
        variables = sum(name.startswith(VARIABLE) for name in self.searched)
        secrets = {name.partition(",")[0] for name in self.searched if not name.startswith(VARIABLE)}
        parts = [f"{counted(len(self.searched) - variables, 'value')} of {counted(len(secrets), 'Secret')}"]
        if variables:
            parts.append(counted(variables, "environment variable"))
        if self.public:
            parts.append(f"{counted(len(self.public), 'public value')} left out")
        if self.too_short:
            parts.append(f"shorter than {SHORTEST} characters and left out: {' and '.join(self.too_short)}")
        if self.unread:
            parts.append(" ".join(self.unread).rstrip("."))
        return "; ".join(parts)


@library(scope="GLOBAL")
class Values:
    """Reads the Secrets that the stack uses. No log shows their values."""

    def __init__(self, objects: Objects) -> None:
        """Read them by these."""
        self._objects = objects

    @keyword
    def read_secrets_of_stack(
        self,
        users: Sequence[Object],
        namespaces: Sequence[str],
        public_keys: Sequence[str],
        variables: Sequence[str] = (),
    ) -> SecretValues:
        """Return the values of every Secret that carries the stack's label or that one of the users uses.

        `users` are pods and workloads. A value is public when its key ends in one of `public_keys`, whatever
        the case, or when it is a certificate. It is too short below 8 characters. `variables` are names of
        environment variables of the suites that hold a login; of a URL its password is searched for.
        """
        values = _of_environment(variables)
        for secret in self._read(users, namespaces, values.unread):
            _sort_in_secret(values, secret, public_keys)
        return values

    @keyword
    def read_secrets_of_namespaces(
        self, namespaces: Sequence[str], public_keys: Sequence[str], variables: Sequence[str] = ()
    ) -> SecretValues:
        """Return the values of all Secrets of namespaces, whoever uses them; see `Read Secrets Of Stack`."""
        values = _of_environment(variables)
        for namespace in namespaces:
            try:
                for secret in self._objects.read_objects("v1", "Secret", namespace):
                    _sort_in_secret(values, secret, public_keys)
            except ClusterError as error:
                values.unread.append(str(error))
        return values

    def _read(
        self, users: Sequence[Object], namespaces: Sequence[str], unread: list[str]
    ) -> Iterator[Object]:
        """Yield the Secrets; add to `unread` why one could not be read."""
        found = set()
        for namespace in namespaces:
            try:
                for secret in self._objects.read_objects("v1", "Secret", namespace, STACK_SELECTOR):
                    found.add((namespace, secret["metadata"]["name"]))
                    yield secret
            except ClusterError as error:
                unread.append(str(error))
        used = {(user["metadata"]["namespace"], name) for user in users for name in secrets_used_by(user)}
        for namespace, name in sorted(used - found):
            try:
                yield self._objects.read_object("v1", "Secret", name, namespace)
            except ClusterError as error:
                if status_of(error) != HTTPStatus.NOT_FOUND:  # an optional Secret that nobody made
                    unread.append(str(error))


def _of_environment(variables: Sequence[str]) -> SecretValues:
    values = SecretValues()
    for variable in variables:
        _sort_in(values, f"{VARIABLE}{variable}", _secret_of(variable), ())
    return values


def _secret_of(variable: str) -> str:
    """Return what is secret of an environment variable: of a URL its password, or the token in its place."""
    text = os.environ.get(variable, "").strip()
    if not variable.lower().endswith(URL_ENDINGS):
        return text
    login = text.rpartition("://")[2].rpartition("@")[0]
    name, _, password = login.partition(":")
    return unquote(password or name)


def secrets_used_by(item: Any) -> set[str]:  # noqa: ANN401 - any part of an object
    """Return the names of the Secrets that a pod or workload refers to, wherever in its specification.

    Those are fields `secretKeyRef`, `secretRef` and the like (with `name`), `secret` of a volume (with
    `secretName`) or of a projected one (with `name`), and `imagePullSecrets`.
    """
    if isinstance(item, list):
        return {name for entry in item for name in secrets_used_by(entry)}
    if not isinstance(item, dict):
        return set()
    names = set()
    for key, value in item.items():
        if key == "secretName" and isinstance(value, str):
            names.add(value)
        if key == "imagePullSecrets":
            names |= {entry["name"] for entry in value}
        if isinstance(value, dict) and (
            key == "secret" or key.lower().endswith(("secretref", "secretkeyref"))
        ):
            names |= {value["name"]} if "name" in value else set()
        names |= secrets_used_by(value)
    return names


def _sort_in_secret(values: SecretValues, secret: Object, public_keys: Sequence[str]) -> None:
    name = f"Secret {secret['metadata']['namespace']}/{secret['metadata']['name']}"
    for key, value in secret_values(secret).items():
        for part, text in _parts(key, value.value):
            _sort_in(values, f"{name}, key {part}", text.strip(), public_keys)


def _sort_in(values: SecretValues, name: str, text: str, public_keys: Sequence[str]) -> None:
    if not text:
        return
    if name.lower().endswith(tuple(key.lower() for key in public_keys)) or text.startswith(CERTIFICATE):
        values.public.append(name)
    elif len(text) < SHORTEST:
        values.too_short.append(name)
    else:
        values.searched[name] = Secret(text)


def _parts(key: str, text: str) -> Iterator[tuple[str, str]]:
    """Yield the values of a key, each with its name: a registry's login is one of several in JSON."""
    if key not in REGISTRY_LOGINS:
        yield key, text
        return
    try:
        yield from _leaves(key, json.loads(text))
    except ValueError:
        yield key, text


def _leaves(name: str, value: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401 - JSON
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(f"{name} {key}", inner)
    elif isinstance(value, str):
        yield name, value

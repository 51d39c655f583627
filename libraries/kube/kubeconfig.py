"""The kubeconfig, its files merged as kubectl merges them, and the one context of it that is asked.

https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/: the first file that has
a current-context, or an entry of a name, wins; files that are missing or empty are left out; relative paths
are relative to their file. (The Kubernetes client for Python lets the last current-context win.)
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from yaml_errors import NOT_YAML

DEFAULT = "~/.kube/config"
SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
IN_CLUSTER = "in-cluster"  # the name here of what has none: the way from a pod to its own cluster
SECTIONS = {"contexts": "context", "clusters": "cluster", "users": "user"}
FILES = ("certificate-authority", "client-certificate", "client-key", "tokenFile")
MAPS = ("exec", "auth-provider", "as-user-extra")
Entries = dict[str, dict[str, Any]]  # what entries say, by their names


class KubeconfigError(Exception):
    """The kubeconfig cannot be used; the message says what is wrong in it, without a full stop."""


@dataclass(frozen=True)
class Context:
    """One context of the kubeconfig: which cluster is asked, and as whom."""

    name: str
    cluster_name: str
    user_name: str
    cluster: Mapping[str, Any] = field(repr=False)
    user: Mapping[str, Any] = field(repr=False)  # with secrets


def read_context(chosen: str, environment: Mapping[str, str]) -> Context | None:
    """Return a context by its name, or for an empty name the current one; None where there is no kubeconfig.

    `environment` has KUBECONFIG. Raises KubeconfigError.
    """
    files = list_files(environment)
    found = [(file, content) for file in files if (content := _read_file(file))]
    current = next((each["current-context"] for _, each in found if each.get("current-context")), "")
    contexts, clusters, users = (_merge(section, found) for section in SECTIONS)
    if not contexts and not chosen:
        return None
    name = chosen or current
    if name not in contexts:
        choices = " or ".join(f"--variable CONTEXT:{each}" for each in contexts) or "another kubeconfig"
        missing = f"no context {name!r}" if name else "no current-context"
        raise KubeconfigError(f"{' and '.join(map(str, files))} has {missing}: choose {choices}")
    cluster, user = contexts[name].get("cluster", ""), contexts[name].get("user", "")
    if cluster not in clusters:
        raise KubeconfigError(f"context {name} names cluster {cluster!r}, which the kubeconfig does not have")
    if user and user not in users:
        raise KubeconfigError(f"context {name} names user {user!r}, which the kubeconfig does not have")
    return Context(name, cluster, user, clusters[cluster], users.get(user, {}))


def read_service_account(environment: Mapping[str, str]) -> Context | None:
    """Return the way from a pod to its own cluster, by its service account; None where this is no such pod.

    https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/
    """
    host, port = environment.get("KUBERNETES_SERVICE_HOST"), environment.get("KUBERNETES_SERVICE_PORT")
    token, authority = SERVICE_ACCOUNT / "token", SERVICE_ACCOUNT / "ca.crt"
    if not host or not port or not token.is_file():
        return None
    server = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
    cluster = {"server": server, "certificate-authority": str(authority)}
    return Context(IN_CLUSTER, IN_CLUSTER, "the pod's service account", cluster, {"tokenFile": str(token)})


def list_files(environment: Mapping[str, str]) -> list[Path]:
    """Return the files that KUBECONFIG names, or else the one in the home folder, existing or not."""
    named = environment.get("KUBECONFIG") or DEFAULT
    return [Path(each).expanduser() for each in dict.fromkeys(named.split(os.pathsep)) if each]


def _read_file(file: Path) -> dict[str, Any]:
    """Return what a file says, empty for one that is missing or empty."""
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise KubeconfigError(f"{file} cannot be read: {error.strerror}") from error
    except NOT_YAML as error:
        mark = getattr(error, "problem_mark", None)  # the error's own text would show what stands there
        line = f" (line {mark.line + 1})" if mark else ""
        raise KubeconfigError(f"{file} is no kubeconfig: it is not YAML{line}") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise KubeconfigError(f"{file} is no kubeconfig: it has no clusters, users and contexts")
    if content.get("kind", "Config") != "Config":
        raise KubeconfigError(f"{file} is no kubeconfig: its kind is {content['kind']}")
    return content


def _merge(section: str, found: Iterable[tuple[Path, Mapping[str, Any]]]) -> Entries:
    """Return the entries of a section; of several files' entries with the same name the first."""
    merged: Entries = {}
    for file, content in found:
        merged = {**_entries(section, file, content), **merged}
    return merged


def _entries(section: str, file: Path, content: Mapping[str, Any]) -> Entries:
    """Return the entries of a section of one file."""
    entries: Entries = {}
    for each in content.get(section) or ():
        if not isinstance(each, dict) or not isinstance(each.get("name"), str):
            raise KubeconfigError(f"{file} is no kubeconfig: an entry of its {section} has no name")
        said = each.get(SECTIONS[section]) or {}
        maps = [said, *(said[key] for key in MAPS if said.get(key))] if isinstance(said, dict) else [said]
        if not all(isinstance(part, dict) for part in maps):
            raise KubeconfigError(f"{file} is no kubeconfig: {each['name']} of its {section} is malformed")
        if each["name"] in entries:
            raise KubeconfigError(f"{file} has two {section} that are named {each['name']}")
        entries[each["name"]] = _with_absolute_paths(said, file.absolute().parent)
    return entries


def _with_absolute_paths(said: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Return an entry without empty values, which count as missing, and with absolute paths.

    A plugin's command is a path where it has a separator; without one it is looked for on the PATH.
    """
    entry = {key: value for key, value in said.items() if value is not None and value != ""}
    for key in FILES:
        if key in entry:
            entry[key] = str(folder / entry[key])
    plugin = entry.get("exec", {})
    if os.sep in str(plugin.get("command")):
        entry["exec"] = {**plugin, "command": str(folder / plugin["command"])}
    return entry

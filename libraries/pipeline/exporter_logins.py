"""Finds the Secret that the collector takes an exporter's login from."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from robot.api.deco import keyword, library

from kube.model import Object, main_container
from pipeline.collector import Exporter

# A value of the configuration that stands elsewhere: ${env:NAME}, ${NAME} or ${file:/path}.
_ELSEWHERE = re.compile(r"\$\{(?:(env|file):)?([^}]+)\}")


@library(scope="GLOBAL")
class ExporterLogins:
    """Follows an exporter's authenticator to the Secret that the collector's pod has."""

    @keyword
    def find_secret_of_exporter(
        self, configuration: Mapping[str, Any], exporter: Exporter, workload: Object
    ) -> str:
        """Return the name of the Secret with an exporter's login, empty where none can be found.

        The authenticator's settings name files that the pod mounts from the Secret, or environment variables
        that it fills from it.
        """
        extensions = configuration.get("extensions") or {}
        settings = extensions.get(exporter.authenticator) if exporter.authenticator else None
        files, variables = secret_mounts(workload), _secret_variables(workload)
        for text in _texts(settings):
            kind, name = "file", text
            if elsewhere := _ELSEWHERE.fullmatch(text):
                kind, name = elsewhere[1] or "env", elsewhere[2]
            known = files if kind == "file" else variables
            found = next((secret for path, secret in known.items() if is_in(name, path)), "")
            if found:
                return found
        return ""


def is_in(name: str, place: str) -> bool:
    """Return whether a file is one of a mount, or a variable is that variable."""
    return name == place or name.startswith(f"{place}/")


def secret_mounts(workload: Object) -> dict[str, str]:
    """Return the Secrets that a workload's first container mounts, by the paths of their mounts."""
    volumes = workload["spec"]["template"]["spec"].get("volumes") or ()
    secrets = {each["name"]: each["secret"]["secretName"] for each in volumes if "secret" in each}
    secrets |= {
        each["name"]: source["secret"]["name"]
        for each in volumes
        for source in each.get("projected", {}).get("sources") or ()
        if "secret" in source
    }
    mounts = main_container(workload).get("volumeMounts") or ()
    return {
        each["mountPath"].rstrip("/"): secrets[each["name"]] for each in mounts if each["name"] in secrets
    }


def _secret_variables(workload: Object) -> dict[str, str]:
    """Return the Secrets that a workload's first container has variables from, by the variables' names."""
    sources = {
        entry["name"]: (entry.get("valueFrom") or {}).get("secretKeyRef") or {}
        for entry in main_container(workload).get("env") or ()
    }
    return {name: source["name"] for name, source in sources.items() if source}


def _texts(value: Any) -> Iterator[str]:  # noqa: ANN401 - any part of a configuration
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)

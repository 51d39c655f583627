"""The configuration of an installation's collector, and what attaching adds to it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from harness.attach.ours import COLLECTOR, PREFIX
from harness.common.errors import HarnessError
from harness.common.kubectl import Object, find, kubectl

CONFIG_OPTION = "--config="
OUR_FOLDER = "/etc/llm-observability/"
EXPERIMENT_HEADER = "x-mlflow-experiment-id"
Config = dict[str, Any]


def read_config(deployment: Object) -> Config:
    """Return the installation's own configuration, merged from the files that the collector's command names.

    Raises HarnessError for one that is in no ConfigMap: then nobody can say what attaching would change.
    """
    container = find_container(deployment)
    command = [*container.get("command", []), *container.get("args", [])]
    paths = [word.removeprefix(CONFIG_OPTION) for word in command if word.startswith(CONFIG_OPTION)]
    files = _mounted_files(deployment, container)
    config: Config = {}
    for path in paths:
        if path.startswith(OUR_FOLDER):
            continue
        if path not in files:
            raise HarnessError(
                f"The collector's configuration {path} is in no ConfigMap that it mounts, so nobody "
                "can say what attaching would change in it."
            )
        merge(config, yaml.safe_load(files[path]) or {})
    if not config:
        raise HarnessError("The command of the collector names no configuration (--config=PATH) of its own.")
    return config


def find_container(deployment: Object) -> Object:
    """Return the collector's container. Raises HarnessError where it has another name than attach expects."""
    for container in deployment["spec"]["template"]["spec"]["containers"]:
        if container["name"] == COLLECTOR:
            found: Object = container
            return found
    raise HarnessError(
        f"Deployment {COLLECTOR} has no container {COLLECTOR}, to which attach adds its fields."
    )


def _mounted_files(deployment: Object, container: Object) -> dict[str, str]:
    namespace = deployment["metadata"]["namespace"]
    volumes = {each["name"]: each for each in deployment["spec"]["template"]["spec"].get("volumes", [])}
    files = {}
    for mount in container.get("volumeMounts", []):
        source = volumes[mount["name"]].get("configMap")
        found = find(kubectl, "configmap", source["name"], "--namespace", namespace) if source else None
        if not source or not found:
            continue
        paths = {item["key"]: item["path"] for item in source.get("items", [])}
        for key, text in found.get("data", {}).items():
            if not paths or key in paths:
                path = paths.get(key, key)
                whole = mount["mountPath"] if mount.get("subPath") == path else f"{mount['mountPath']}/{path}"
                files[whole] = text
    return files


def merge(into: Config, more: Config) -> None:
    """Merge a configuration into another as the collector does: maps are merged, lists are replaced."""
    for key, value in more.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            merge(into[key], value)
        else:
            into[key] = value


def find_config_problems(theirs: Config, ours: Config) -> list[str]:
    """Return what both configurations have, and what ours uses and none has: one sentence each."""
    there = set(_entries(theirs))
    problems = [
        f"the collector's configuration has {entry} already, and attaching would change it"
        for entry in _entries(ours)
        if entry in there
    ]
    both = there | set(_entries(ours))
    for name, pipeline in pipelines(ours).items():
        for kind in ("receivers", "processors", "exporters"):
            problems += [
                f"the collector's configuration has no {kind.removesuffix('s')} {each}, which {name} uses"
                for each in pipeline[kind]
                if f"{kind}::{each}" not in both
            ]
    return problems


def _entries(config: Config) -> Iterator[str]:
    """Yield what a configuration defines: `processors::batch`, `service::pipelines::traces/mlflow`."""
    for section, content in config.items():
        for name, value in (content or {}).items():
            if section == "service" and isinstance(value, dict):
                yield from (f"{section}::{name}::{inner}" for inner in value)
            else:
                yield f"{section}::{name}"


def pipelines(config: Config) -> dict[str, Config]:
    """Return the pipelines of a configuration by name."""
    found: dict[str, Config] = (config.get("service") or {}).get("pipelines") or {}
    return found


def find_mlflow_pipelines(config: Config) -> dict[str, str]:
    """Return the experiment's id by pipeline, for those that send traces to an MLflow."""
    exporters = config.get("exporters") or {}
    found = {}
    for name, pipeline in pipelines(config).items():
        for exporter in pipeline.get("exporters") or []:
            headers = (exporters.get(exporter) or {}).get("headers") or {}
            if EXPERIMENT_HEADER in headers:
                found[name] = str(headers[EXPERIMENT_HEADER])
    return found


def foreign_arguments(deployment: Object) -> list[str]:
    """Return the collector's `args` that are not ours; attaching would have to replace the whole list."""
    arguments = find_container(deployment).get("args", [])
    return [word for word in arguments if not word.startswith(CONFIG_OPTION + OUR_FOLDER)]


def our_config(configmaps: list[Object]) -> Config:
    """Return the configuration that the ConfigMaps of attach bring."""
    config: Config = {}
    for configmap in configmaps:
        if configmap["metadata"]["name"].startswith(PREFIX):
            for text in configmap["data"].values():
                merge(config, yaml.safe_load(text))
    return config

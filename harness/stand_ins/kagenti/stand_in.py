"""Plays a Kagenti installation for overlays/kagenti: `stand_in.py up|down|env`, with KUBECONFIG set.

`up` installs, by Helm 3, a chart with the parts of an installation that the overlay attaches to, and a
weather agent; `down` removes them and what the overlay left in their namespace; `env` prints nothing, for
suites find all of it as they do elsewhere. The cluster's images are used: those built here on the embedded
cluster, the official ones (with the installation's own collector, 0.122.1) on kind.
"""

import argparse
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
COMPONENTS = ROOT / "kustomize" / "components"
SYSTEM, AGENTS = "kagenti-system", "team1"
RELEASE = "kagenti-deps"
PART_OF = "app.kubernetes.io/part-of=llm-observability"
LIMIT = "300s"
COLLECTOR = "docker.io/otel/opentelemetry-collector-contrib"
IMAGES = {"phoenix": "docker.io/arizephoenix/phoenix", "postgres": "docker.io/library/postgres"}


class StandInError(Exception):
    """A command failed; the message says which, and what it said."""


def ask(*command: str, check: bool = True) -> str:
    """Return what a command prints; raise StandInError when it fails, unless check is off."""
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    if check and done.returncode:
        said = (done.stderr or done.stdout).strip()
        raise StandInError(f"`{' '.join(command)}` ended with exit code {done.returncode}: {said}")
    return done.stdout.strip()


def python(*arguments: str) -> str:
    """Return what `python -m ...` prints."""
    return ask(sys.executable, "-m", *arguments)


def helm(version: int, *arguments: str) -> str:
    """Return what Helm, of major version 3 or 4, prints."""
    return ask(python("harness.common.kubectl_and_helm", f"helm{version}"), *arguments)


def images() -> dict[str, str]:
    """Return the chart's values for its images, in the versions that the overlays have."""
    embedded = python("harness.cluster", "provider") == "embedded"
    tags, names = _entries("images", "newTag"), _entries("built-images", "newName")
    wanted = {**IMAGES, "collector": COLLECTOR} if embedded else IMAGES
    return {
        f"images.{key}": f"{names[name] if embedded else name}:{tags[name]}" for key, name in wanted.items()
    }


def _entries(component: str, key: str) -> dict[str, str]:
    text = (COMPONENTS / component / "kustomization.yaml").read_text(encoding="utf-8")
    entries: list[dict[str, Any]] = yaml.safe_load(text)["images"]
    return {entry["name"]: entry[key] for entry in entries if key in entry}


def install(version: int, *options: str) -> None:
    """Install or upgrade the chart's release, and wait until it runs."""
    values = [option for key, value in images().items() for option in ("--set-string", f"{key}={value}")]
    place = ["--namespace", SYSTEM, "--wait", f"--timeout={LIMIT}"]
    helm(version, "upgrade", "--install", RELEASE, str(HERE / "chart"), *place, *values, *options)


def up() -> None:
    """Install the stand-in; what is there already stays."""
    for namespace in (SYSTEM, AGENTS):
        if not ask("kubectl", "get", "namespace", namespace, "--ignore-not-found"):
            ask("kubectl", "create", "namespace", namespace, "--save-config")
    if not ask("kubectl", "get", "gateway", "http", "--namespace", SYSTEM, "--ignore-not-found"):
        python("harness.cluster", "up")
    ask("kubectl", "apply", "--kustomize", str(HERE / "agents"))
    install(3)
    ask("kubectl", "rollout", "status", "deployment", "-n", AGENTS, "-l", PART_OF, f"--timeout={LIMIT}")


def down() -> None:
    """Remove the stand-in, and the ConfigMaps and Secrets that were made for the overlay in the cluster."""
    ask("kubectl", "delete", "--kustomize", str(HERE / "agents"), "--ignore-not-found")
    if RELEASE in helm(3, "list", "--namespace", SYSTEM, "--short").split():
        helm(3, "uninstall", RELEASE, "--namespace", SYSTEM, "--wait")
    ask("kubectl", "delete", "configmap,secret", "--namespace", SYSTEM, "--selector", PART_OF)


def main() -> int:
    """Do what the command line says; return 1, with one sentence, when it cannot be done."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", choices=("up", "down", "env"))
    command = parser.parse_args().command
    try:
        if command != "env":
            {"up": up, "down": down}[command]()
    except StandInError as failure:
        print(f"stand-in: {failure}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

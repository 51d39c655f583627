"""The programs that turn a Dockerfile into an archive: Docker, Podman, or buildah where neither runs."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from harness.common.commands import succeeds
from harness.common.container_engine import find_container_engine
from harness.common.debian_packages import install_debian_packages
from harness.common.errors import HarnessError
from harness.common.progress import say

INSPECT_LIMIT = 60  # seconds
BuildFiles = Mapping[str, Path]  # a secret's id: the file on this machine


class Engine(Protocol):
    """What every engine can do: return the commands by which an image becomes an archive."""

    def archive_commands(
        self, reference: str, context: Path, arguments: Mapping[str, str], files: BuildFiles, archive: Path
    ) -> list[list[str]]:
        """Return the commands that build a context's Dockerfile and write the image to an archive."""

    def environment(self) -> dict[str, str]:
        """Return what these commands need in their environment beside this process's own."""


def build_arguments(arguments: Mapping[str, str]) -> list[str]:
    """Return the options that give a Dockerfile its arguments."""
    return [word for name, value in arguments.items() for word in ("--build-arg", f"{name}={value}")]


def secrets(files: BuildFiles) -> list[str]:
    """Return the options that give files of this machine to the steps that mount them."""
    return [word for name, path in files.items() for word in ("--secret", f"id={name},src={path}")]


class Docker:
    """Docker with BuildKit."""

    def archive_commands(
        self, reference: str, context: Path, arguments: Mapping[str, str], files: BuildFiles, archive: Path
    ) -> list[list[str]]:
        """See Engine."""
        options = [*build_arguments(arguments), *secrets(files)]
        build = ["docker", "build", "--tag", reference, *options, str(context)]
        return [build, ["docker", "save", "--output", str(archive), reference]]

    def environment(self) -> dict[str, str]:
        """See Engine."""
        return {"DOCKER_BUILDKIT": "1"}


class Podman:
    """Podman."""

    def archive_commands(
        self, reference: str, context: Path, arguments: Mapping[str, str], files: BuildFiles, archive: Path
    ) -> list[list[str]]:
        """See Engine."""
        options = [*build_arguments(arguments), *secrets(files)]
        build = ["podman", "build", "--tag", reference, *options, str(context)]
        return [build, ["podman", "save", "--format", "oci-archive", "--output", str(archive), reference]]

    def environment(self) -> dict[str, str]:
        """See Engine."""
        return {}


class Buildah:
    """Buildah without any container runtime (chroot isolation); all that it keeps is in one folder."""

    def __init__(self, folder: Path) -> None:
        """Keep images, and the package managers' caches, below a folder."""
        self.packages = folder / "packages"
        self.temporary = folder / "tmp"
        # In a mount namespace of its own, buildah leaves nothing mounted below the folder.
        storage = ["--root", str(folder / "storage"), "--runroot", str(folder / "run")]
        self.program = ["unshare", "--mount", "buildah", *storage]

    def prepare(self, log: Path) -> None:
        """Install buildah and debootstrap where they are missing.

        Raises HarnessError when this user cannot use them, or when they cannot be installed.
        """
        if os.geteuid() != 0:
            raise HarnessError(
                "Building images without Docker or Podman needs root; run this as root, or start one of them."
            )
        if missing := [name for name in ("buildah", "debootstrap") if not shutil.which(name)]:
            say(f"Installing {' and '.join(missing)} ...")
            install_debian_packages(missing, log)
        self.packages.mkdir(parents=True, exist_ok=True)
        self.temporary.mkdir(parents=True, exist_ok=True)

    def build_command(
        self, target: str, context: Path, arguments: Mapping[str, str], files: BuildFiles
    ) -> list[str]:
        """Return the command that builds a context into a name in the storage, or into an archive."""
        build = [*self.program, "build", "--layers=false", "--network", "host", "--tag", target]
        seen = [*secrets(files), "--volume", f"{self.packages}:/root/.cache"]
        return [*build, *build_arguments(arguments), *seen, str(context)]

    def archive_commands(
        self, reference: str, context: Path, arguments: Mapping[str, str], files: BuildFiles, archive: Path
    ) -> list[list[str]]:
        """See Engine; the archive is written without a copy in the storage."""
        return [self.build_command(f"oci-archive:{archive}:{reference}", context, arguments, files)]

    def has_image(self, reference: str) -> bool:
        """Say whether the storage holds an image."""
        command = [*self.program, "inspect", "--type", "image", reference]
        return succeeds(command, INSPECT_LIMIT, self.environment())

    def environment(self) -> dict[str, str]:
        """See Engine."""
        return {
            "BUILDAH_ISOLATION": "chroot",
            "STORAGE_DRIVER": "overlay",
            "TMPDIR": str(self.temporary),
        }


def find_engine() -> Engine | None:
    """Return the container engine that answers on this machine; None without one."""
    engines: dict[str | None, Engine] = {"docker": Docker(), "podman": Podman()}
    return engines.get(find_container_engine())

"""What must be true before anything is changed; each check fails with one sentence."""

import os
import platform
import shutil
import socket
from collections.abc import Iterable
from pathlib import Path

from harness.cluster import settings
from harness.cluster.settings import Folders
from harness.common.errors import HarnessError

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
IP_FREEBIND = 15  # ip(7): bind to an address the machine does not have (yet)


def gibibytes(size: int) -> str:
    """Return a size in bytes as `15.0 GiB`."""
    return f"{size / 1024**3:.1f} GiB"


def check_folder(folders: Folders) -> None:
    """Reject a state folder with files of other programs, because `down` deletes it.

    Raises HarnessError.
    """
    state = folders.state
    if state.is_dir() and any(state.iterdir()) and not folders.provider.exists():
        raise HarnessError(
            f"{state} holds files that do not belong to a cluster;"
            " name an empty folder in EMBEDDED_CLUSTER_STATE."
        )


def check_system(system: str, user: int, machine: str) -> None:
    """Reject a machine that cannot run the embedded cluster; `user` is the effective user's number.

    Raises HarnessError.
    """
    if system != "Linux":
        raise HarnessError(
            f"On {system} the cluster needs a container engine; start Docker or Podman and run this again."
        )
    if user != 0:
        raise HarnessError(
            "Without a container engine the cluster runs as root;"
            " start Docker or Podman, or run this as root."
        )
    if machine not in ARCHITECTURES:
        raise HarnessError(
            f"The embedded cluster runs on {' and '.join(ARCHITECTURES)}, not on {machine};"
            " start Docker or Podman and run this again."
        )


def check_size(memory: int, disk: int, folder: Path) -> None:
    """Reject too little memory or too little free disk at `folder`, both in bytes.

    Raises HarnessError.
    """
    if memory < settings.MEMORY_BYTES:
        raise HarnessError(
            f"The cluster needs {gibibytes(settings.MEMORY_BYTES)} of memory and this machine has"
            f" {gibibytes(memory)}; use a larger one."
        )
    if disk < settings.DISK_BYTES:
        raise HarnessError(
            f"The cluster needs {gibibytes(settings.DISK_BYTES)} of disk at {folder}, where {gibibytes(disk)}"
            " are free; free some, or name other folders (EMBEDDED_CLUSTER_STATE, EMBEDDED_CLUSTER_CACHE)."
        )


def check_ports(address: str, ports: dict[int, str]) -> None:
    """Reject ports (number -> the process that needs it) at which another program listens at `address`.

    Raises HarnessError.
    """
    for port, wanted_by in ports.items():
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if platform.system() == "Linux":
                probe.setsockopt(socket.IPPROTO_IP, IP_FREEBIND, 1)
            try:
                probe.bind((address, port))
                probe.listen()
            except OSError as error:
                raise HarnessError(
                    f"Port {port}, which {wanted_by} needs at {address}, is taken; stop the program that"
                    f" listens there (`ss -ltnp 'sport = :{port}'` shows it) and run this again."
                ) from error


def nearest_existing(folder: Path) -> Path:
    """Return the folder itself or its nearest parent that exists."""
    return next(parent for parent in (folder, *folder.parents) if parent.exists())


def check_embedded(folders: Folders, running: Iterable[str]) -> None:
    """Reject what the embedded cluster cannot work with; `running`: names of its processes that run.

    Raises HarnessError.
    """
    check_system(platform.system(), os.geteuid(), platform.machine())
    check_folder(folders)
    if not (folders.state / "etcd").exists():
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        for folder in (folders.state, folders.cache):
            place = nearest_existing(folder)
            check_size(memory, shutil.disk_usage(place).free, place)
    own = set(running)
    check_ports(
        settings.NODE_ADDRESS, {port: name for port, name in settings.NODE_PORTS.items() if name not in own}
    )

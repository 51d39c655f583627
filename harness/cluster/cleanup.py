"""Removes what the embedded cluster leaves on a machine: processes, mounts, cgroups, files."""

import contextlib
import shutil
from collections.abc import Iterable
from pathlib import Path

from harness.cluster import network, processes, settings
from harness.cluster.settings import Folders
from harness.common.commands import read_output
from harness.common.waiting import wait_for

SHIM = "containerd-shim-runc-v2"
CGROUPS = Path("/sys/fs/cgroup")
# Folders elsewhere that containerd, the CNI plugins and the kubelet insist on; removed when empty.
SHARED_FOLDERS = (
    "/var/lib/cni/results",
    "/var/lib/cni",
    "/var/lib/kubelet/device-plugins",
    "/var/lib/kubelet",
    "/var/log/containers",
    "/run/containerd/s",
    "/run/containerd/fifo",
    "/run/containerd",
)


def find_processes(folders: Folders, names: Iterable[str]) -> list[processes.Process]:
    """Return the cluster's processes with one of these program names."""
    return processes.mentioning(folders.state, names, processes.running())


def mounts_below(folder: Path, mounts: str) -> list[str]:
    """Return the mount points at or below a folder, deepest first, from the text of /proc/mounts."""
    points = [line.split(" ")[1].encode().decode("unicode_escape") for line in mounts.splitlines()]
    return sorted(
        (p for p in points if f"{p}/".startswith(f"{folder}/")), key=lambda p: p.count("/"), reverse=True
    )


def unmount(folder: Path) -> None:
    """Unmount everything at or below a folder.

    Raises HarnessError when something cannot be.
    """
    mounts = Path("/proc/mounts")
    while points := mounts_below(folder, mounts.read_text()):
        for point in points:
            read_output(["umount", "--lazy", point], f"{point} could not be unmounted")


def pod_cgroups(root: Path = CGROUPS) -> list[Path]:
    """Return the topmost cgroups of pods: one in each hierarchy of version 1, one in version 2."""
    return [folder for folder in (root / "kubepods", *root.glob("*/kubepods")) if folder.is_dir()]


def containers(folders: Folders) -> set[str]:
    """Return the ids of the containers that containerd runs or ran here; each has a cgroup of that name."""
    return {folder.name for folder in folders.run.glob("containerd/io.containerd.runtime.v2.task/k8s.io/*")}


def pod_processes(ids: set[str], root: Path = CGROUPS) -> set[int]:
    """Return the numbers of all processes in containers with these ids."""
    found: set[int] = set()
    for top in pod_cgroups(root):
        for file in top.rglob("cgroup.procs"):
            if ids.intersection(file.relative_to(top).parts):
                with contextlib.suppress(OSError):  # the cgroup went away meanwhile
                    found.update(int(line) for line in file.read_text().split())
    return found


def kill_pods(folders: Folders) -> None:
    """End every pod at once, and the shims that watch them.

    Raises HarnessError when one does not end.
    """
    ids = containers(folders)
    processes.kill(process.pid for process in find_processes(folders, (SHIM,)))

    def gone() -> bool:
        left = pod_processes(ids)
        processes.kill(left)
        return not left

    wait_for(gone, settings.STOP_LIMIT, "The processes of the pods did not end")


def clear_run(folders: Folders) -> None:
    """Remove what is left of containers that ran: mounts, network namespaces, addresses and sockets.

    Raises HarnessError when something is still mounted.
    """
    for address in folders.run.glob("containerd/io.containerd.runtime.v2.task/k8s.io/*/address"):
        Path(address.read_text().strip().removeprefix("unix://")).unlink(missing_ok=True)
    unmount(folders.run)
    network.remove_pod_links()
    for result in settings.CNI_RESULTS.glob("*"):
        if result.name.startswith(f"{settings.NETWORK_NAME}-") or str(folders.run) in result.read_text():
            result.unlink()
    if folders.run.exists():
        shutil.rmtree(folders.run)


def remove_cgroups() -> None:
    """Remove the pods' cgroups, which have no process left."""
    for top in pod_cgroups():
        for folder in sorted((top, *(f for f in top.rglob("*") if f.is_dir())), reverse=True):
            with contextlib.suppress(OSError):
                folder.rmdir()


def remove_shared(folders: Folders) -> None:
    """Remove the cluster's files from folders that other programs use too, and such a folder once empty."""
    for link in Path("/var/log/containers").glob("*"):
        if link.is_symlink() and link.readlink().is_relative_to(folders.state):
            link.unlink()
    plugins = Path("/var/lib/kubelet/device-plugins")
    for name in ("kubelet.sock", "kubelet_internal_checkpoint", "DEPRECATION"):
        (plugins / name).unlink(missing_ok=True)
    for folder in SHARED_FOLDERS:
        with contextlib.suppress(OSError):  # other programs' files, or not there
            Path(folder).rmdir()


def remove_everything(folders: Folders, programs: Iterable[str]) -> None:
    """Remove all of the embedded cluster from the machine but the cache.

    `programs` are the names of the node's processes. Raises HarnessError when something cannot be removed.
    """
    running = find_processes(folders, (*programs, SHIM))
    if not running and not folders.provider.exists():
        return
    processes.kill(process.pid for process in running if process.name != SHIM)
    kill_pods(folders)
    clear_run(folders)
    unmount(folders.state)
    network.down(folders)
    remove_cgroups()
    remove_shared(folders)
    if folders.state.exists():
        shutil.rmtree(folders.state)

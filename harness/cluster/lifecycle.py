"""What can be done with the cluster: make or mend it, look at it, load images, run commands, remove it.

With Docker or Podman the cluster is kind's; without either it is the embedded cluster,
whose processes run on this machine (Linux, root). Nothing else in the project knows which.
"""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from harness.cluster import preflight
from harness.cluster.kind import Kind
from harness.cluster.kubectl import without_proxy
from harness.cluster.node import Node
from harness.cluster.settings import Folders
from harness.common.container_engine import ENGINES, find_container_engine
from harness.common.errors import HarnessError
from harness.common.progress import duration, say
from harness.common.waiting import exclusive_lock

NO_CLUSTER = "There is no cluster; make one with `tox -e cluster -- up`."


def provider(folders: Folders) -> str:
    """Return `kind` or `embedded`: what made the cluster, or what the next `up` makes it with."""
    if folders.provider.exists():
        return folders.provider.read_text().strip()
    return "kind" if find_container_engine() else "embedded"


def up(
    folders: Folders, node_image: str = "", nodes: int = 0, while_compiling: Callable[[], None] = lambda: None
) -> None:
    """Make the cluster or mend it, and print where it is.

    `node_image`, an image's name or `built`, and `nodes`, their number, are for kind (see Kind.up).
    `while_compiling` is for the embedded cluster (see Node.up).
    Raises HarnessError when that is not possible.
    """
    started = time.monotonic()
    engine = None if folders.provider.exists() else find_container_engine()
    if not engine and not folders.provider.exists():
        preflight.check_system(platform.system(), os.geteuid(), platform.machine())
    with _exclusive(folders):
        cluster = _find(folders) or (Kind(folders, engine) if engine else Node(folders))
        if isinstance(cluster, Kind):
            cluster.up(node_image, nodes)
        elif node_image or nodes > 1:
            option = "--node-image" if node_image else "--nodes"
            raise HarnessError(f"{option} is for kind: start Docker or Podman, or leave it out.")
        else:
            cluster.up(while_compiling)
    say(
        f"Cluster up after {duration(time.monotonic() - started)}:"
        f" kubeconfig {folders.kubeconfig}, gateway {cluster.gateway}"
    )


def down(folders: Folders) -> None:
    """Remove the cluster, its volumes and all that it left on this machine; print what stays.

    Raises HarnessError when something does not go.
    """
    started = time.monotonic()
    with _exclusive(folders):
        cluster = _find(folders)
        if isinstance(cluster, Kind):
            cluster.down()
        elif os.geteuid() == 0 and sys.platform == "linux":
            Node(folders).down()  # there may be processes though the state folder is gone
    say(
        f"There is no cluster any more, after {duration(time.monotonic() - started)};"
        f" the cache stays in {folders.cache}"
    )


def report_status(folders: Folders) -> bool:
    """Print how the cluster is; return whether it is healthy."""
    cluster = _find(folders)
    if not cluster:
        say(NO_CLUSTER)
        return False
    problems = list(cluster.problems())
    for problem in problems:
        say(f"- {problem}")
    say(
        f"The cluster is {'not ' if problems else ''}healthy:"
        f" kubeconfig {folders.kubeconfig}, gateway {cluster.gateway}"
    )
    return not problems


def pulls_images(folders: Folders) -> bool:
    """Say whether the cluster pulls the official images; where it does not, all are built on this machine."""
    return provider(folders) == "kind" and Kind(folders, ENGINES[0]).pulls_images


def name_images(folders: Folders, names: Mapping[str, str]) -> None:
    """Give images that kind's node has a second name each; `names` is old -> new.

    Raises HarnessError when there is no cluster, or its node lacks one.
    """
    with _exclusive(folders):
        cluster = find_cluster(folders)
        if isinstance(cluster, Kind):
            cluster.name_images(names)


def load(folders: Folders, archives: Iterable[Path]) -> set[str]:
    """Load image archives, print what was done with each, and return the images that were not there.

    Images have their full names, such as `localhost/mlflow:v3.17.2-full`.
    Raises HarnessError when there is no cluster or an archive cannot be loaded.
    """
    new: set[str] = set()
    with _exclusive(folders):
        for archive, loaded in find_cluster(folders).load(archives):
            say(f"{'loaded' if loaded else 'there already'}: {', '.join(archive.names)}")
            new.update(archive.names if loaded else ())
    return new


def environment(folders: Folders) -> dict[str, str]:
    """Return the whole environment of a command that works in the cluster.

    To this process's own it adds KUBECONFIG, the cluster's kubectl on the PATH, and that the cluster is
    not asked through a proxy. Raises HarnessError when there is no cluster.
    """
    cluster = find_cluster(folders)
    return {
        **os.environ,
        **without_proxy(cluster.address, os.environ),
        "KUBECONFIG": str(folders.kubeconfig),
        "KUBECACHEDIR": str(folders.state / "kubectl-cache"),
        "PATH": f"{folders.state / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
    }


def find_cluster(folders: Folders) -> Kind | Node:
    """Return the cluster that is there.

    Raises HarnessError when there is none.
    """
    cluster = _find(folders)
    if not cluster or not folders.kubeconfig.exists():
        raise HarnessError(NO_CLUSTER)
    return cluster


def _find(folders: Folders) -> Kind | Node | None:
    if not folders.provider.exists():
        return None
    if provider(folders) == "kind":
        return Kind(folders, find_container_engine() or "docker")
    return Node(folders)


def _exclusive(folders: Folders) -> AbstractContextManager[None]:
    """Keep other commands from changing the cluster meanwhile."""
    waiting = "Another command is changing the cluster; waiting for it to end."
    return exclusive_lock(folders.cache / "lock", waiting)

"""Get a Kubernetes cluster for the suites, and give it back.

With Docker or Podman the cluster is kind's; without either it is the embedded cluster,
whose processes run on this machine (Linux, root). Nothing else in the project knows which.
"""

import argparse
import fcntl
import os
import platform
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.cluster import cleanup, preflight
from harness.cluster.kind import Kind
from harness.cluster.node import Node
from harness.cluster.progress import ClusterError, duration, report, say
from harness.cluster.settings import Folders


def parser() -> argparse.ArgumentParser:
    """Return the command line's parser."""
    top = argparse.ArgumentParser(
        prog="python -m harness.cluster",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="environment:\n"
        "  EMBEDDED_CLUSTER_STATE  the cluster's folder, which down removes (/var/lib/embedded-cluster)\n"
        "  EMBEDDED_CLUSTER_CACHE  what was compiled, which stays (/var/cache/embedded-cluster)",
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("up", help="make the cluster or mend it, and wait until it is well")
    commands.add_parser("down", help="remove the cluster, its volumes and all it left on this machine")
    commands.add_parser("status", help="say whether the cluster is well, and if not, what is wrong")
    commands.add_parser("kubeconfig", help="print the path of the cluster's kubeconfig")
    commands.add_parser(
        "provider",
        help="print what makes the cluster, kind or embedded: of the one there is, or of the next up",
    )
    execute_parser = commands.add_parser(
        "exec", help="run a command with KUBECONFIG set and kubectl on the PATH: exec -- kubectl get pods -A"
    )
    execute_parser.add_argument("arguments", nargs=argparse.REMAINDER, metavar="-- CMD")
    load = commands.add_parser("load", help="load image archives (OCI or docker save) into the cluster")
    load.add_argument("archives", nargs="+", type=Path, metavar="ARCHIVE")
    return top


@contextmanager
def alone(folders: Folders) -> Iterator[None]:
    """Wait until no other command changes the cluster, and keep others from it meanwhile."""
    try:
        folders.cache.mkdir(parents=True, exist_ok=True)
        lock = (folders.cache / "lock").open("w")
    except OSError as error:
        raise ClusterError(
            f"{folders.cache} cannot be written ({error.strerror});"
            " name another folder in EMBEDDED_CLUSTER_CACHE."
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Another command is changing the cluster; waiting for it to end.")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def existing(folders: Folders) -> Kind | Node | None:
    """Return the cluster that is there, None when there is none."""
    if not folders.provider.exists():
        return None
    if folders.provider.read_text().strip() == "kind":
        return Kind(folders, preflight.engine() or "docker")
    return Node(folders)


def provider(folders: Folders) -> str:
    """Return `kind` or `embedded`: what made the cluster, or what would make it."""
    if folders.provider.exists():
        return folders.provider.read_text().strip()
    return "kind" if preflight.engine() else "embedded"


def needed(folders: Folders) -> Kind | Node:
    """Return the cluster that is there.

    Raises ClusterError when there is none.
    """
    cluster = existing(folders)
    if not cluster or not folders.kubeconfig.exists():
        raise ClusterError("There is no cluster; make one with `up`.")
    return cluster


def up(folders: Folders) -> None:
    """Make the cluster or mend it, and say where it is."""
    started = time.monotonic()
    engine = None if folders.provider.exists() else preflight.engine()
    if not engine and not folders.provider.exists():
        preflight.check_system(platform.system(), os.geteuid(), platform.machine())
    with alone(folders):
        cluster = existing(folders) or (Kind(folders, engine) if engine else Node(folders))
        cluster.up()
    say(
        f"Cluster up after {duration(time.monotonic() - started)}:"
        f" kubeconfig {folders.kubeconfig}, gateway {cluster.gateway}"
    )


def down(folders: Folders) -> None:
    """Remove the cluster, and say what stays."""
    started = time.monotonic()
    with alone(folders):
        cluster = existing(folders)
        if isinstance(cluster, Kind):
            cluster.down()
        elif os.geteuid() == 0 and sys.platform == "linux":
            cleanup.everything(folders)
    say(
        f"No cluster any more, after {duration(time.monotonic() - started)};"
        f" the cache stays in {folders.cache}"
    )


def status(folders: Folders) -> int:
    """Print how the cluster is; return 0 when it is well."""
    cluster = existing(folders)
    if not cluster:
        say("There is no cluster; make one with `up`.")
        return 1
    problems = list(cluster.problems())
    for problem in problems:
        say(f"- {problem}")
    say(
        f"The cluster is {'not ' if problems else ''}well:"
        f" kubeconfig {folders.kubeconfig}, gateway {cluster.gateway}"
    )
    return 1 if problems else 0


def load(folders: Folders, archives: list[Path]) -> None:
    """Load archives and print what was done with each."""
    with alone(folders):
        for archive, loaded in needed(folders).load(archives):
            say(f"{'loaded' if loaded else 'there already'}: {', '.join(archive.names)}")


def execute(folders: Folders, arguments: list[str]) -> None:
    """Become a command that finds the cluster.

    Raises ClusterError when there is no cluster or no such command.
    """
    command = arguments[1:] if arguments[:1] == ["--"] else arguments
    if not command:
        raise ClusterError("Say what to run: `exec -- kubectl get pods -A`.")
    needed(folders)
    os.environ["KUBECONFIG"] = str(folders.kubeconfig)
    os.environ["KUBECACHEDIR"] = str(folders.state / "kubectl-cache")
    os.environ["PATH"] = f"{folders.state / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    if not shutil.which(command[0]):
        raise ClusterError(f"There is no command {command[0]} on the PATH.")
    os.execvp(command[0], command)  # noqa: S606 - the very purpose


def run(options: argparse.Namespace, folders: Folders) -> int:
    """Run the command that was asked for; return the exit code.

    Raises ClusterError with what a user should do when it cannot be done.
    """
    code = 0
    match options.command:
        case "up":
            up(folders)
        case "down":
            down(folders)
        case "status":
            code = status(folders)
        case "kubeconfig":
            needed(folders)
            say(str(folders.kubeconfig))
        case "provider":
            say(provider(folders))
        case "exec":
            execute(folders, options.arguments)
        case "load":
            load(folders, options.archives)
    return code


def main(arguments: list[str] | None = None) -> int:
    """Run a command line; return the exit code."""
    options = parser().parse_args(arguments)
    try:
        return run(options, Folders.from_environment())
    except ClusterError as error:
        report(error)
        return 1
    except OSError as error:
        report(ClusterError(f"{error.filename or 'The machine'} cannot be used as needed: {error.strerror}."))
        return 1
    except KeyboardInterrupt:
        say("Interrupted; run the same command again to continue.")
        return 130


if __name__ == "__main__":
    sys.exit(main())

"""Get a Kubernetes cluster for the suites, and give it back.

With Docker or Podman the cluster is kind's; without either it is the embedded cluster,
whose processes run on this machine (Linux, root). Nothing else in the project knows which.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from pathlib import Path

from harness.cluster import lifecycle
from harness.cluster.node_options import add_node_options
from harness.cluster.settings import Folders
from harness.common.errors import HarnessError, reports_errors
from harness.common.progress import say


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
    up = commands.add_parser("up", help="make the cluster or mend it, and wait until it is healthy")
    add_node_options(up)
    commands.add_parser("down", help="remove the cluster, its volumes and all it left on this machine")
    commands.add_parser("status", help="say whether the cluster is healthy, and if not, what is wrong")
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


def execute(folders: Folders, arguments: list[str]) -> None:
    """Become a command that finds the cluster.

    Raises HarnessError when there is no cluster or no such command.
    """
    command = arguments[1:] if arguments[:1] == ["--"] else arguments
    if not command:
        raise HarnessError("Say what to run: `exec -- kubectl get pods -A`.")
    environment = lifecycle.environment(folders)
    program = shutil.which(command[0], path=environment["PATH"])
    if not program:
        raise HarnessError(f"There is no command {command[0]} on the PATH.")
    os.execve(program, command, environment)  # noqa: S606 - the very purpose


def run(options: argparse.Namespace, folders: Folders) -> int:
    """Run the command that was asked for; return the exit code.

    Raises HarnessError with what a user should do when it cannot be done.
    """
    code = 0
    match options.command:
        case "up":
            lifecycle.up(folders, options.node_image, options.nodes)
        case "down":
            lifecycle.down(folders)
        case "status":
            code = 0 if lifecycle.report_status(folders) else 1
        case "kubeconfig":
            lifecycle.find_cluster(folders)
            say(str(folders.kubeconfig))
        case "provider":
            say(lifecycle.provider(folders))
        case "exec":
            execute(folders, options.arguments)
        case "load":
            lifecycle.load(folders, options.archives)
    return code


@reports_errors
def main(arguments: list[str] | None = None) -> int:
    """Run a command line; return the exit code."""
    options = parser().parse_args(arguments)
    return run(options, Folders.from_environment())


if __name__ == "__main__":
    sys.exit(main())

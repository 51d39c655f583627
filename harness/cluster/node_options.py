"""The options that say what nodes a kind cluster has, for the commands that make one."""

from __future__ import annotations

import argparse

MOST_NODES = 9


def add_node_options(parser: argparse.ArgumentParser) -> None:
    """Add `--node-image` and `--nodes`."""
    parser.add_argument(
        "--node-image",
        default="",
        metavar="NAME",
        help="the image of kind's nodes, such as one of your mirror, or `built`: one that this machine builds"
        " (default: kind's official one; built where that cannot be pulled)",
    )
    parser.add_argument(
        "--nodes",
        type=int,
        choices=range(1, MOST_NODES + 1),
        default=0,
        metavar="N",
        help="how many nodes a kind cluster has: a control plane, and N-1 workers (default: one)",
    )

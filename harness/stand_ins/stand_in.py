"""What all stand-ins have in common: three functions, and the command line that calls them."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass

from harness.common.errors import reports_errors


@dataclass(frozen=True)
class StandIn:
    """What plays a part of an installation, in the cluster of KUBECONFIG.

    `up` brings it up, and leaves alone what is up already. `down` leaves nothing of it behind.
    `environment` returns the variables by which the suites find it. `lock` resolves the packages of its own
    images anew, where it has such images.
    Each raises HarnessError, with one sentence, when it cannot.
    """

    name: str  # of its package
    up: Callable[[], None]
    down: Callable[[], None]
    environment: Callable[[], dict[str, str]]
    lock: Callable[[], None] | None = None


@reports_errors
def run_command_line(stand_in: StandIn, arguments: list[str] | None = None) -> int:
    """Run `up`, `down`, `env` or `lock`; return the exit code."""
    parser = argparse.ArgumentParser(prog=f"python -m harness.stand_ins.{stand_in.name}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("up", help="bring it up; what is up already stays")
    commands.add_parser("down", help="remove all of it")
    commands.add_parser("env", help="print the variables by which the suites find it, NAME=VALUE a line")
    if stand_in.lock:
        commands.add_parser("lock", help="only resolve its images' Python packages anew (requirements.txt)")
    command = parser.parse_args(arguments).command
    if command == "up":
        stand_in.up()
    elif command == "down":
        stand_in.down()
    elif command == "lock" and stand_in.lock:
        stand_in.lock()
    else:
        for name, value in stand_in.environment().items():
            print(f"{name}={value}")
    return 0

"""runc for a machine that lacks capabilities, as some sandboxes do: containers get those that there are.

A program of its own: the system's Python runs it with the standard library alone, in runc's place. Docker
asks for every capability for a privileged container, and runc fails for one that this machine does not have.
So it takes them out of what runc reads, and the limits of resources, which need CAP_SYS_RESOURCE.
"""

import json
import os
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

CAPABILITIES = (
    *("CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP"),
    *("LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK"),
    *("IPC_OWNER", "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN"),
    *("SYS_BOOT", "SYS_NICE", "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE"),
    *("AUDIT_CONTROL", "SETFCAP", "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND"),
    *("AUDIT_READ", "PERFMON", "BPF", "CHECKPOINT_RESTORE"),
)  # in the order of capability.h


def read_capabilities(status: str) -> set[str]:
    """Return the capabilities that a process may have at most, out of its /proc/PID/status."""
    (line,) = (line for line in status.splitlines() if line.startswith("CapBnd:"))
    mask = int(line.split()[1], 16)
    return {f"CAP_{name}" for number, name in enumerate(CAPABILITIES) if mask >> number & 1}


def lacks_capabilities() -> bool:
    """Say whether this machine lacks a capability that its kernel knows."""
    last = int(Path("/proc/sys/kernel/cap_last_cap").read_text())
    known = {f"CAP_{name}" for name in CAPABILITIES[: last + 1]}
    return not known <= read_capabilities(Path("/proc/self/status").read_text())


def filter_process(process: dict[str, Any], there: set[str]) -> None:
    """Leave a process of the runtime specification only the capabilities that are `there`, and no limits."""
    for kind, names in (process.get("capabilities") or {}).items():
        process["capabilities"][kind] = [name for name in names if name in there]
    process.pop("rlimits", None)


def _value(arguments: Sequence[str], *options: str) -> str | None:
    following = pairwise(arguments)
    return next((value for option, value in following if option in options), None)


def main() -> None:
    """Filter what runc is about to read, and become runc."""
    there = read_capabilities(Path("/proc/self/status").read_text())
    arguments = sys.argv[1:]
    bundle, process = _value(arguments, "--bundle", "-b"), _value(arguments, "--process", "-p")
    for file in filter(Path.exists, (Path(bundle or "/") / "config.json", Path(process or "/no-process"))):
        content = json.loads(file.read_text())
        filter_process(content.get("process", content), there)
        file.write_text(json.dumps(content))
    os.execvp("runc", ["runc", *arguments])  # noqa: S606 - the very purpose; the engine's PATH has it


if __name__ == "__main__":
    main()

"""Makes the files of a bundle small enough to be sent: long logs are cut, other files left out."""

from __future__ import annotations

from collections.abc import Sequence

FOR_OTHERS = 3 / 4  # of the room, for files that are no logs: logs can be cut, so some of each always fits


def fit(files: dict[str, bytes], room: int) -> list[str]:
    """Let files have so many bytes at most, all together; return a sentence for each that had more.

    The largest files that are no logs are left out, and the longest logs are cut.
    """
    said = []
    room_for_others = int(room * FOR_OTHERS)
    for size, path in sorted((len(data), path) for path, data in files.items() if not _is_log(path)):
        if size > room_for_others:
            said.append(f"Left out: {path}, because its {size:,} bytes have no room")
            del files[path]
        else:
            room_for_others -= size
            room -= size
    logs = sorted((len(data), path) for path, data in files.items() if _is_log(path))
    for number, (size, path) in enumerate(logs):
        share = room // (len(logs) - number)
        if size > share:
            said.append(f"Cut: {path}, {size:,} bytes, in its middle")
            files[path] = cut_log(files[path], share)
        room -= len(files[path])
    return said


def cut_log(log: bytes, most: int) -> bytes:
    """Return a log of so many bytes at most: whole lines of its start and, three times more, of its end.

    Between them a line says what is left out; `most` has room for it.
    """
    lines = log.splitlines(keepends=True)
    room = most - 100  # for that line
    first = _count(lines, room // 4)
    last = len(lines) - _count(lines[first:][::-1], room * 3 // 4)
    left_out = lines[first:last]
    said = f"[{len(left_out):,} lines, {sum(map(len, left_out)):,} bytes, are left out here]\n"
    return b"".join([*lines[:first], said.encode(), *lines[last:]])


def _count(lines: Sequence[bytes], most: int) -> int:
    """Return how many of the first lines have so many bytes at most, all together."""
    for number, line in enumerate(lines):
        most -= len(line)
        if most < 0:
            return number
    return len(lines)


def _is_log(path: str) -> bool:
    return path.startswith("logs/")

"""Init container of the collector: `check_queue.py VOLUME`. No queue keeps the collector from starting.

- The collector 0.158.0 does not start with a damaged file in its queue, whatever `recreate` says: bbolt
  panics in a goroutine of its own, or returns an error that is not recovered
  (https://github.com/open-telemetry/opentelemetry-collector-contrib/issues/35899). So each file is read here
  as bbolt reads it when it opens it. A damaged one is moved aside, never deleted, and the log says how many
  spans waited in it.
- A collector that starts on a full volume loses the batches that it was sending when it ended (measured). So
  a part of the volume is kept in reserve, and given free when the collector starts on a full one.

bbolt keeps checksums of a file's two heads alone. Wrong bytes inside of a span are not seen here.
"""

from __future__ import annotations

import mmap
import os
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

QUEUE, RESERVE = "queue", "reserve"  # in the volume; the first is file_storage's directory
RESERVED = 64 * 2**20  # bytes
MIB = 2**20
DAMAGED = ".damaged-"  # in the name of a file that was moved aside

# How bbolt 1.5.0 lays out a file: go.etcd.io/bbolt, internal/common. All numbers are little-endian.
PAGE = struct.Struct("<QHHI")  # its number, kind, count of elements, count of further pages
# Magic, version, page size, flags, root, -, -, pages, transaction, checksum.
HEAD = struct.Struct("<IIIIQQQQQQ")
BRANCH = struct.Struct("<IIQ")  # position of the key, its size, page
LEAF = struct.Struct("<IIII")  # flags, position of the key, its size, size of the value behind it
BUCKET = struct.Struct("<QQ")  # root, or 0 where its one page follows; sequence
MAGIC, VERSION = 0xED0CDAED, 2
KIND_BRANCH, KIND_LEAF = 1, 2
IS_BUCKET = 1
SMALLEST_PAGE, LARGEST_PAGE = 2**10, 2**24

# What the collector's queue notes of itself, as protobuf: exporterhelper 0.158.0, internal/queue/meta.proto.
NOTES = b"qmv0"
SPANS_WAITING = struct.Struct("<Bq")  # the tag of items_size, and its number
TAG = 0x09

Range = tuple[bytes | None, bytes | None]  # the first key, and the first one that is too large


class DamagedError(Exception):
    """What is wrong with a file, as the end of a sentence."""


@dataclass
class Database:
    """A file of bbolt. `read` finds what is wrong with it, and how many spans wait in it."""

    data: bytes | mmap.mmap
    page_size: int = 0
    pages: int = 0
    spans: int | None = None
    problems: list[str] = field(default_factory=list)
    _seen: bytearray = field(default_factory=bytearray)  # a byte for each page: a large file has millions

    def read(self) -> None:
        """Go through all pages, and go on where one is damaged."""
        try:
            to_do: list[tuple[int, Range]] = [(self._find_root(), (None, None))]
        except DamagedError as error:
            self.problems.append(str(error))
            return
        while to_do:
            number, keys = to_do.pop()
            try:
                to_do += self._read_page(number, keys)
            except DamagedError as error:
                self.problems.append(str(error))

    def _find_root(self) -> int:
        """Return the root page, by the newer of the two heads."""
        size = SMALLEST_PAGE
        heads = [self._read_head(0)]
        while size <= LARGEST_PAGE and not any(heads):
            heads.append(self._read_head(size))
            size *= 2
        first = next(filter(None, heads), None)
        if first is None:
            what = "it has no valid head" if self.data else "it is empty"
            raise DamagedError(what)
        self.page_size = first[2]
        if len(self.data) < 2 * self.page_size:
            raise DamagedError("it is cut")
        newest = max(
            filter(None, (self._read_head(0), self._read_head(self.page_size))), key=lambda head: head[8]
        )
        self.pages = newest[7]
        self._seen = bytearray(len(self.data) // self.page_size)
        return int(newest[4])

    def _read_head(self, start: int) -> tuple[int, ...] | None:
        """Return the head on the page that starts there, None where it is not valid."""
        start += PAGE.size
        if len(self.data) < start + HEAD.size:
            return None
        head: tuple[int, ...] = HEAD.unpack_from(self.data, start)
        hashed = 0xCBF29CE484222325  # FNV-1a of 64 bits
        for byte in self.data[start : start + HEAD.size - 8]:
            hashed = (hashed ^ byte) * 0x100000001B3 % 2**64
        return head if head[:2] == (MAGIC, VERSION) and head[9] == hashed else None

    def _read_page(self, number: int, keys: Range) -> list[tuple[int, Range]]:
        """Return the pages that a page leads to, each with the keys that it may have."""
        start = number * self.page_size
        if start + self.page_size > len(self.data):
            raise DamagedError(f"page {number} is beyond its end")
        says, kind, count, further = PAGE.unpack_from(self.data, start)
        if says != number:
            raise DamagedError(f"page {number} says that it is page {says}")
        if kind not in (KIND_BRANCH, KIND_LEAF):
            raise DamagedError(f"page {number} is of kind {kind}")
        own = slice(number, number + further + 1)
        end = own.stop * self.page_size
        if own.stop > self.pages or end > len(self.data):
            raise DamagedError(f"page {number} is too long")
        if any(self._seen[own]):
            raise DamagedError(f"two pages lead to page {number}")
        self._seen[own] = b"\x01" * (further + 1)
        return list(self._read_elements(start, end, kind, count, keys))

    def _read_elements(
        self, start: int, end: int, kind: int, count: int, keys: Range
    ) -> Iterator[tuple[int, Range]]:
        """Yield the pages that the elements of a page lead to; note the spans that wait."""
        form = BRANCH if kind == KIND_BRANCH else LEAF
        if start + PAGE.size + count * form.size > end:
            raise DamagedError(f"the page at {start} has too many elements")
        found = []
        for index in range(count):
            at = start + PAGE.size + index * form.size
            if kind == KIND_BRANCH:
                position, size, page = BRANCH.unpack_from(self.data, at)
                flags, length = 0, 0
            else:
                flags, position, size, length = LEAF.unpack_from(self.data, at)
                page = 0
            value = at + position + size
            if not size or value + length > end:
                raise DamagedError(f"the page at {start} has an element beyond its end")
            found.append((self.data[at + position : value], page, flags, value, length))
        self._check_order(start, [key for key, *_ in found], keys)
        limits = [key for key, *_ in found[1:]] + [keys[1]]
        for (key, page, flags, value, length), limit in zip(found, limits, strict=True):
            if kind == KIND_BRANCH:
                yield page, (key, limit)
            elif flags & IS_BUCKET:
                yield from self._read_bucket(value, value + length)
            elif key == NOTES:
                self._read_notes(value, length)

    def _check_order(self, start: int, found: list[bytes], keys: Range) -> None:
        first, limit = keys
        expected = ([first] if first is not None else []) + found
        if expected != sorted(expected) or len(set(found)) < len(found):
            raise DamagedError(f"the keys of the page at {start} are not in order")
        if limit is not None and found and found[-1] >= limit:
            raise DamagedError(f"the page at {start} has keys of the next one")

    def _read_bucket(self, start: int, end: int) -> Iterator[tuple[int, Range]]:
        """Yield the first page of a bucket, or read the one that is in its value."""
        if end - start < BUCKET.size:
            raise DamagedError(f"the bucket at {start} is cut")
        root, _ = BUCKET.unpack_from(self.data, start)
        if root:
            yield root, (None, None)
            return
        start += BUCKET.size
        if end - start < PAGE.size:
            raise DamagedError(f"the bucket at {start} is cut")
        _, kind, count, _ = PAGE.unpack_from(self.data, start)
        if kind != KIND_LEAF:
            raise DamagedError(f"the bucket at {start} is of kind {kind}")
        yield from self._read_elements(start, end, kind, count, (None, None))

    def _read_notes(self, start: int, length: int) -> None:
        """Note how many spans wait. Protobuf leaves a field out that is 0."""
        self.spans = 0
        if length >= SPANS_WAITING.size and self.data[start] == TAG:
            self.spans = SPANS_WAITING.unpack_from(self.data, start)[1]


def main(volume: Path) -> None:
    """Check the queue in a volume and print what was done; `volume` has the collector's queue or is empty."""
    queue = volume / QUEUE
    found = sorted(queue.iterdir()) if queue.is_dir() else []
    kept = [path for path in found if DAMAGED in path.name]
    for path in kept:
        print(f"{path.name} was damaged and is kept. When nobody needs it, remove it from the volume.")
    for path in found:
        if path not in kept and not path.name.startswith("tempdb"):  # of a compaction
            check(path)
    keep_reserve(volume)


def check(path: Path) -> None:
    """Move a file of the queue aside, if it is damaged."""
    problem, spans = look_at(path)
    if not problem:
        print(f"{path.name} is whole; {'no note of' if spans is None else spans} spans wait in it.")
        return
    aside = path.with_name(f"{path.name}{DAMAGED}{datetime.now(UTC):%Y%m%dT%H%M%SZ}")
    path.rename(aside)
    lost = "How many spans waited in it cannot be read" if spans is None else f"{spans} spans waited in it"
    print(f"{path.name} is damaged: {problem}. {lost}; its backend does not get them. Kept as {aside.name}.")


def look_at(path: Path) -> tuple[str, int | None]:
    """Return what is wrong with a file, and how many spans wait in it; empty and None for nothing known."""
    if not path.is_file():
        return "it is no file", None
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if size else b""
    database = Database(data)
    database.read()
    return (database.problems or [""])[0], database.spans


def keep_reserve(volume: Path) -> None:
    """Give the reserve free if the volume is full, or make one if there is room for it."""
    reserve, space = volume / RESERVE, os.statvfs(volume)
    free = space.f_bavail * space.f_frsize
    if free < RESERVED and reserve.exists():
        reserve.unlink()
        print(
            f"The volume is full: {free // MIB} MiB free. Its reserve of {RESERVED // MIB} MiB is free now."
        )
    elif free < RESERVED:
        print(f"The volume is full: {free // MIB} MiB free, and no reserve. Make its claim larger.")
    elif free >= 2 * RESERVED and not reserve.exists():
        with reserve.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, RESERVED)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

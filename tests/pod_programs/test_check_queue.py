"""A damaged queue of the collector is moved aside. Collector 0.158.0 made those of tests/recorded/queues."""

import gzip
import os
import random
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

import check_queue

RECORDED = Path(__file__).resolve().parents[1] / "recorded" / "queues"
NAME = "exporter_otlp_http_mlflow_traces"
PAGE = 4096  # bytes, in these files
Damage = Callable[[bytes], bytes]


def read(name: str) -> bytes:
    return gzip.decompress((RECORDED / f"{name}.gz").read_bytes())


def zero(*pages: int) -> Damage:
    """Return what overwrites pages with zeros."""

    def damage(data: bytes) -> bytes:
        changed = bytearray(data)
        for page in pages:
            changed[page * PAGE : (page + 1) * PAGE] = bytes(PAGE)
        return bytes(changed)

    return damage


def swap(one: int, other: int) -> Damage:
    """Return what exchanges two pages."""

    def damage(data: bytes) -> bytes:
        pages = [data[start : start + PAGE] for start in range(0, len(data), PAGE)]
        pages[one], pages[other] = pages[other], pages[one]
        return b"".join(pages)

    return damage


def overwrite(start: int, what: bytes) -> Damage:
    """Return what puts other bytes somewhere."""
    return lambda data: data[:start] + what + data[start + len(what) :]


def noise(length: int) -> bytes:
    return random.Random(1).randbytes(length)  # noqa: S311 - no secret


LEAF = 4  # the one page with elements of few-spans
KIND, COUNT, FURTHER, ELEMENT = (LEAF * PAGE + offset for offset in (8, 10, 12, 16))
DAMAGES: dict[str, tuple[str, Damage, str]] = {
    "no bytes": ("many-spans", lambda _: b"", "it is empty"),
    "one byte": ("few-spans", lambda data: data[:1], "it has no valid head"),
    "its first page alone": ("few-spans", lambda data: data[:PAGE], "it is cut"),
    "half of it": ("many-spans", lambda data: data[: len(data) // 2], "is beyond its end"),
    "other bytes": ("many-spans", lambda data: noise(len(data)), "it has no valid head"),
    "other bytes in the middle": (
        "many-spans",
        overwrite(8 * PAGE, noise(40 * PAGE)),
        "says that it is page",
    ),
    "no heads": ("many-spans", zero(0, 1), "it has no valid head"),
    "a page of zeros": ("few-spans", zero(LEAF), "page 4 says that it is page 0"),
    "two pages that changed places": ("few-spans", swap(3, LEAF), "page 4 says that it is page"),
    "a page of no kind": ("few-spans", overwrite(KIND, b"\x07"), "page 4 is of kind 7"),
    "too many elements": ("few-spans", overwrite(COUNT, b"\xff\xff"), "has too many elements"),
    "a page that goes on": ("few-spans", overwrite(FURTHER, b"\x01"), "page 4 is too long"),
    "an element elsewhere": ("few-spans", overwrite(ELEMENT + 4, b"\xff\xff"), "an element beyond its end"),
}


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    (tmp_path / "queue").mkdir()
    return tmp_path


@pytest.mark.parametrize(("name", "spans"), [("few-spans", 3), ("many-spans", 180)])
def test_a_whole_queue_stays(volume: Path, capsys: pytest.CaptureFixture[str], name: str, spans: int) -> None:
    (volume / "queue" / NAME).write_bytes(read(name))
    check_queue.main(volume)
    assert (volume / "queue" / NAME).read_bytes() == read(name)
    assert capsys.readouterr().out == f"{NAME} is whole; {spans} spans wait in it.\n"


@pytest.mark.parametrize("head", [0, 1])
def test_one_head_is_enough(tmp_path: Path, head: int) -> None:
    (tmp_path / NAME).write_bytes(zero(head)(read("many-spans")))
    problem, _ = check_queue.look_at(tmp_path / NAME)
    assert not problem


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_queue_is_moved_aside(
    volume: Path, capsys: pytest.CaptureFixture[str], damage: str
) -> None:
    name, damaged, problem = DAMAGES[damage]
    data = damaged(read(name))
    (volume / "queue" / NAME).write_bytes(data)
    check_queue.main(volume)
    (kept,) = (volume / "queue").iterdir()
    assert kept.name.startswith(f"{NAME}.damaged-")
    assert kept.read_bytes() == data
    said = capsys.readouterr().out
    assert said.startswith(f"{NAME} is damaged: ")
    assert problem in said
    assert f"Kept as {kept.name}." in said


def test_it_says_how_many_spans_waited_where_that_can_be_read(
    volume: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other_leaf = 3  # the note of how many spans wait is in another page
    (volume / "queue" / NAME).write_bytes(zero(other_leaf)(read("many-spans")))
    check_queue.main(volume)
    assert "180 spans waited in it; its backend does not get them." in capsys.readouterr().out


def test_a_folder_in_place_of_a_queue_is_moved_aside(volume: Path) -> None:
    (volume / "queue" / NAME).mkdir()
    check_queue.main(volume)
    assert [path.name.partition(".")[0] for path in (volume / "queue").iterdir()] == [NAME]
    assert not (volume / "queue" / NAME).exists()


def test_what_was_moved_aside_is_left_alone(volume: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = volume / "queue" / f"{NAME}.damaged-20260102T030405Z"
    kept.write_bytes(b"")
    (volume / "queue" / "tempdb123").write_bytes(b"")
    check_queue.main(volume)
    assert kept.exists()
    assert capsys.readouterr().out.startswith(f"{kept.name} was damaged and is kept.")


def test_a_new_volume_is_no_problem(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check_queue.main(tmp_path)
    assert not capsys.readouterr().out


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    monkeypatch.setattr(check_queue, "RESERVED", 2**20)

    def set_free(bytes_free: int) -> None:
        monkeypatch.setattr(os, "statvfs", lambda _: SimpleNamespace(f_bavail=bytes_free, f_frsize=1))

    return set_free


def test_a_full_volume_gets_its_reserve_back(
    tmp_path: Path, free: Callable[[int], None], capsys: pytest.CaptureFixture[str]
) -> None:
    free(2**21)
    check_queue.main(tmp_path)
    assert (tmp_path / "reserve").stat().st_blocks * 512 >= 2**20
    assert not capsys.readouterr().out
    free(0)
    check_queue.main(tmp_path)
    assert not (tmp_path / "reserve").exists()
    assert capsys.readouterr().out.startswith("The volume is full: 0 MiB free. Its reserve of 1 MiB")
    check_queue.main(tmp_path)
    assert "no reserve. Make its claim larger." in capsys.readouterr().out

"""docs/architecture.md lists the rooms, and draws those of libraries as they import each other."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
ROOMS = {folder.parent.name for folder in (ROOT / "libraries").glob("*/__init__.py")}


def imported_rooms(source: str) -> set[str]:
    """Return the rooms that a module imports."""
    names = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            names.append(node.module or "")
        elif isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
    return {name.partition(".")[0] for name in names} & ROOMS


def imports() -> set[tuple[str, str]]:
    """Return pairs of rooms: one that is imported, and one that imports it."""
    return {
        (below, room)
        for room in ROOMS
        for file in (ROOT / "libraries" / room).rglob("*.py")
        for below in imported_rooms(file.read_text(encoding="utf-8")) - {room}
    }


def test_the_drawing_shows_every_import_between_rooms_and_no_other() -> None:
    drawing = PAGE.partition("flowchart BT\n")[2].partition("```")[0]
    assert set(re.findall(r"(\w+) --> (\w+)", drawing)) == imports()


@pytest.mark.parametrize(("heading", "folder"), [("room", "libraries"), ("room of the harness", "harness")])
def test_the_tables_have_every_room(heading: str, folder: str) -> None:
    table = PAGE.partition(f"| {heading} |")[2].partition("\n\n")[0]
    rooms = [file.parent.name for file in (ROOT / folder).glob("*/__init__.py")]
    assert sorted(re.findall(r"^\| (\w+) \|", table, re.MULTILINE)) == sorted(rooms)


def test_an_import_is_found_at_any_depth() -> None:
    source = "import kube.client\ndef f():\n    from entry import routes\nimport os\n"
    assert imported_rooms(source) == {"kube", "entry"}

"""Who may import whom: harness and libraries not each other, rooms only downwards, and nobody in a circle.

Imports are read from the source, so those inside functions and `if TYPE_CHECKING` count too.
"""

import ast
import graphlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# A room imports from rooms of earlier lines, and from itself. Nothing imports from those of the last line.
ROOMS = (
    (
        "background",
        "certainty",
        "connection_failures",
        "messages",
        "yaml_errors",
    ),  # modules, which need no room
    ("kube",),
    ("entry",),
    ("agent",),
    ("traces",),
    ("findings",),
    ("contracts", "pipeline"),
    ("verdicts",),
    ("network", "disruption", "secrecy", "pages", "capabilities", "diagnosis", "settings"),
    ("bundle",),
)


@dataclass(frozen=True)
class Import:
    """One import of one of our modules: by which, of which, and where it stands."""

    importer: str
    imported: str
    line: int
    at_top: bool

    def __str__(self) -> str:
        """Return what a failure shows."""
        return f"{self.importer}, line {self.line}: {self.imported}"


def modules(folder: Path, start: Path = ROOT) -> dict[str, Path]:
    """Return the Python files below a folder by the names by which they are imported from `start`."""
    return {
        ".".join(path.relative_to(start).with_suffix("").parts).removesuffix(".__init__"): path
        for path in sorted(folder.rglob("*.py"))
    }


def names_of(node: ast.Import | ast.ImportFrom, module: str, path: Path) -> list[tuple[str, ...]]:
    """Return what an import statement names: for each, the candidates for the module, the likeliest first."""
    if isinstance(node, ast.Import):
        return [(alias.name,) for alias in node.names]
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for _ in range(node.level - 1):
        package = package.rpartition(".")[0]
    base = ".".join(part for part in (package if node.level else "", node.module or "") if part)
    return [(f"{base}.{alias.name}", base) for alias in node.names]


@cache
def named_imports(module: str, path: Path) -> list[tuple[tuple[str, ...], int, bool]]:
    """Return for each name that a module imports: the candidates, the line, and whether it is at the top."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [
        (candidates, node.lineno, node in tree.body)
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for candidates in names_of(node, module, path)
    ]


def imports(importers: dict[str, Path], ours: dict[str, Path]) -> Iterator[Import]:
    """Yield every import of one of `ours` that the modules of `importers` have."""
    for module, path in importers.items():
        for candidates, line, at_top in named_imports(module, path):
            known = next((name for name in candidates if name in ours), None)
            if known:
                yield Import(module, known, line, at_top)


HARNESS = modules(ROOT / "harness")
LIBRARIES = modules(ROOT / "libraries", ROOT / "libraries")


def room(module: str) -> str:
    return module.partition(".")[0]


def level(module: str) -> int:
    return next(number for number, rooms in enumerate(ROOMS) if room(module) in rooms)


def test_every_room_has_its_place() -> None:
    assert sorted({room(module) for module in LIBRARIES}) == sorted(name for rooms in ROOMS for name in rooms)


def test_harness_and_libraries_do_not_import_each_other() -> None:
    assert [str(each) for each in imports(HARNESS, LIBRARIES)] == []
    assert [str(each) for each in imports(LIBRARIES, HARNESS)] == []


def test_rooms_import_downwards() -> None:
    upwards = [
        str(each)
        for each in imports(LIBRARIES, LIBRARIES)
        if room(each.importer) != room(each.imported) and level(each.importer) <= level(each.imported)
    ]
    assert upwards == []


def test_rooms_import_each_other_at_the_top_of_a_module() -> None:
    """Robot Framework has libraries/ on sys.path only while it imports a library: later, an import fails."""
    assert [str(each) for each in imports(LIBRARIES, LIBRARIES) if not each.at_top] == []


@pytest.mark.parametrize("ours", [HARNESS, LIBRARIES], ids=["harness", "libraries"])
def test_no_modules_import_each_other_in_a_circle(ours: dict[str, Path]) -> None:
    graph: dict[str, set[str]] = {module: set() for module in ours}
    for each in imports(ours, ours):
        graph[each.importer].add(each.imported)
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as circle:
        pytest.fail(" -> ".join(circle.args[1]))


def test_an_import_is_found_wherever_it_stands(tmp_path: Path) -> None:
    package = tmp_path / "package"
    package.mkdir()
    (package / "__init__.py").write_text("from .one import name\n")
    (package / "one.py").write_text("def f():\n    from package import two\n    import package.three\n")
    (package / "two.py").write_text("import typing\nif typing.TYPE_CHECKING:\n    from . import one\n")
    (package / "three.py").write_text("import os\nfrom package.two import name\n")
    found = modules(package, tmp_path)
    assert {(each.importer, each.imported, each.at_top) for each in imports(found, found)} == {
        ("package", "package.one", True),
        ("package.one", "package.two", False),
        ("package.one", "package.three", False),
        ("package.two", "package.one", False),
        ("package.three", "package.two", True),
    }

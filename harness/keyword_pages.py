"""Writes the pages of all keywords: `tox -e docs`.

docs/keywords.md has every library and resource with its keywords, their arguments and the first paragraph of
their documentation. results/keywords/ gets the pages of Robot Framework's libdoc, which are too large for
git.
"""

from __future__ import annotations

import argparse
import ast
import json
import re
import sys
import tempfile
from collections.abc import Iterable
from html import unescape
from pathlib import Path
from typing import Any

from robot.errors import STOPPED_BY_USER  # type: ignore[import-untyped] # it has no types
from robot.libdoc import libdoc

from harness.common.combinations import ROOT
from harness.common.errors import HarnessError, reports_errors
from harness.common.markdown import table

PAGE = ROOT / "docs" / "keywords.md"
HTML = ROOT / "results" / "keywords"
HEAD = """# Keywords

`tox -e docs` writes this page, and complete pages into `results/keywords/`.
To change it, change the documentation of a keyword.
"""


def sources() -> list[Path]:
    """Return the libraries and resources: each room of libraries, and each resource file."""
    rooms = sorted(file.parent for file in (ROOT / "libraries").glob("*/__init__.py"))
    return [*rooms, *sorted((ROOT / "resources").glob("*.resource"))]


def libdoc_name(source: Path) -> str:
    """Return how libdoc names a library or resource; the room `pages` is a plugin of SeleniumLibrary."""
    return f"SeleniumLibrary::plugins={source}" if source.name == "pages" else str(source)


def write_page_of_libdoc(source: Path, target: Path) -> None:
    """Let libdoc write a file. Raises KeyboardInterrupt after Ctrl-C, which libdoc catches."""
    if libdoc(libdoc_name(source), str(target), quiet=True) == STOPPED_BY_USER:
        raise KeyboardInterrupt


def describe(source: Path) -> dict[str, Any]:
    """Return what Robot Framework's libdoc knows of a library or a resource, without keywords of others.

    Raises HarnessError when it cannot be read.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "spec.json"
        write_page_of_libdoc(source, file)
        if not file.exists():
            raise HarnessError(f"{source.relative_to(ROOT)} cannot be documented; libdoc's message says why.")
        described: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    own = [keyword for keyword in described["keywords"] if Path(keyword["source"]).is_relative_to(source)]
    return {**described, "keywords": own}


def section(source: Path, described: dict[str, Any]) -> str:
    """Return one library's or resource's part of the page."""
    rows = [
        (keyword["name"], _arguments(keyword["args"]), _one_line(keyword["shortdoc"]))
        for keyword in described["keywords"]
        if "robot:private" not in keyword["tags"]
    ]
    doc = described["doc"] if source.is_file() else _docstring(source / "__init__.py")
    lines = [f"## {source.relative_to(ROOT)}", "", _first_paragraph(doc), ""]
    if rows:
        lines += [table(("keyword", "arguments", "does"), rows)]
    return "\n".join(lines)


def _arguments(arguments: Iterable[dict[str, Any]]) -> str:
    return "<br>".join(f"`{_one_line(argument['repr'])}`" for argument in arguments)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _docstring(module: Path) -> str:
    return ast.get_docstring(ast.parse(module.read_text(encoding="utf-8"))) or ""


def _first_paragraph(text: str) -> str:
    """Return the first paragraph of a docstring, or of what libdoc made HTML of."""
    plain = re.sub(r"</?\w+[^>]*>", "", text.partition("</p>")[0])
    return " ".join(unescape(plain).partition("\n\n")[0].split())


def page() -> str:
    """Return the whole page as it should be."""
    return "\n".join([HEAD, *(section(source, describe(source)) for source in sources())])


@reports_errors
def main() -> int:
    """Write the page, and the complete ones; or, with --check, only report whether the page is current."""
    parser = argparse.ArgumentParser(prog="tox -e docs --", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if the page is stale")
    check = parser.parse_args().check
    text = page()
    if check:
        current = PAGE.read_text(encoding="utf-8") == text
        print(f"{PAGE.relative_to(ROOT)} is {'current' if current else 'stale: run `tox -e docs`'}")
        return 0 if current else 1
    PAGE.write_text(text, encoding="utf-8")
    for source in sources():
        target = HTML / source.relative_to(ROOT).with_suffix(".html")
        target.parent.mkdir(parents=True, exist_ok=True)
        write_page_of_libdoc(source, target)
    print(f"{PAGE.relative_to(ROOT)} and {HTML.relative_to(ROOT)}/ are written.")
    return 0


if __name__ == "__main__":
    sys.exit(main())

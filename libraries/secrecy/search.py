"""Finds out who tells a password: as it is, or in one of the ways in which requests and objects carry it."""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import quote

from robot.api.deco import keyword, library
from robot.api.types import Secret

SHORTEST = 8  # characters; a shorter password is found where nobody meant it
RESULTS = ("output.xml", "log.html", "report.html")
_PACKED = re.compile(r'"([A-Za-z0-9+/]{32,}={0,2})"')


@library(scope="GLOBAL")
class Search:
    """Searches texts for passwords. Its messages name the Secret and the place, never the password."""

    @keyword
    def places_that_tell(self, passwords: Mapping[str, Secret], texts: Mapping[str, str]) -> list[str]:
        """Return who tells what: for each Secret, by name, the places, by name, whose text has it."""
        return told(passwords, texts)

    @keyword
    def results_so_far(self, output: str) -> dict[str, str]:
        """Return what Robot Framework has written into its output file until now, by the file's name."""
        path = Path(output)
        return {path.name: path.read_text(encoding="utf-8", errors="replace")} if path.is_file() else {}


def told(passwords: Mapping[str, Secret], texts: Mapping[str, str]) -> list[str]:
    """Return a sentence for each Secret and each place whose text has its password."""
    return [
        f"{place} tells the password of Secret {name}"
        for place, text in texts.items()
        for name, password in passwords.items()
        if any(form in text for form in forms(password.value))
    ]


def forms(password: str) -> set[str]:
    """Return the texts by which a password is told: itself, in a URL, in JSON, in base64 anywhere.

    In base64 three bytes make four characters, so a password in the middle of something looks one of three
    ways; its first and last characters, which depend on what is around it, are left out.
    """
    if len(password) < SHORTEST:
        return set()
    raw = password.encode()
    found = {password, quote(password, safe=""), password.replace("\\", "\\\\").replace('"', '\\"')}
    for before in range(3):
        text = base64.b64encode(b"\0" * before + raw).decode().rstrip("=")
        first = (before * 8 + 5) // 6  # characters that have bits of what stands before
        last = (before + len(raw)) * 8 // 6  # and from here on of what stands behind
        found |= {text[first:last], text[first:last].replace("+", "-").replace("/", "_")}
    return found


def result_texts(folder: Path) -> dict[str, str]:
    """Return Robot Framework's result files as text, with what log.html and report.html hold compressed."""
    texts = {}
    for name in RESULTS:
        path = folder / name
        if path.is_file():
            text = path.read_text(encoding="utf-8", errors="replace")
            texts[name] = "\n".join([text, *_unpacked(text)]) if path.suffix == ".html" else text
    return texts


def _unpacked(text: str) -> Iterable[str]:
    """Yield the long strings of a log or report, which are zlib's in base64."""
    for match in _PACKED.finditer(text):
        try:
            yield zlib.decompress(base64.b64decode(match[1])).decode(errors="replace")
        except (binascii.Error, zlib.error):
            continue

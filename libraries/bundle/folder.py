"""The bundle's folder: its files have no secret, and together they are small enough to send."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from robot.api.deco import keyword, library
from robot.libraries.BuiltIn import BuiltIn

from bundle.size import fit
from messages import counted
from secrecy.masking import Masks
from secrecy.places import Texts
from secrecy.search import find_leaks
from secrecy.values import SecretValues

NAME = "bundle"
INDEX = "README.txt"
TITLE = "The bundle: what the cluster showed when it was made\n"  # the first line of its index
MOST_BYTES = 20_000_000  # of all files together
FOR_INDEX = 500_000  # of these, for the index


@dataclass
class Content:
    """The files of a bundle by their paths, and for its index what is not in them, a sentence each."""

    files: dict[str, bytes] = field(default_factory=dict)
    absent: list[str] = field(default_factory=list)

    @property
    def size(self) -> int:
        """The bytes of all files."""
        return sum(map(len, self.files.values()))


@library(scope="GLOBAL")
class Folder:
    """Writes the folder. As a listener it removes the one of an earlier run, and names its own at the end."""

    ROBOT_LISTENER_API_VERSION = 3

    def __init__(self) -> None:
        """Start without a bundle."""
        self._written = ""

    @keyword
    def write_bundle(self, about: str, values: SecretValues | None, *parts: Texts) -> str:
        """Write the parts into the folder `bundle` of the output folder; return in a sentence what it has.

        Secrets are masked. A file that then still has one is left out; without `values`, which are None where
        they could not be read, all are. `about` is the cluster, for the index.
        """
        folder = Path(BuiltIn().get_variable_value("${OUTPUT DIR}")) / NAME
        remove_bundle(folder)
        if folder.exists():
            raise AssertionError(f"{folder} is there, and no bundle: move it, or choose another --outputdir.")
        masks = Masks(values or SecretValues())
        content = make_content(parts, values, masks)
        index = TITLE + masks.mask(_index(about, content, values, masks))
        content.files = {INDEX: index.encode(errors="replace")[:FOR_INDEX], **content.files}
        for path, data in content.files.items():
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
        said = _describe(content, values)
        self._written = f"{folder / INDEX}, {said}"
        return f"[{NAME}/{INDEX}|{NAME}/{INDEX}], {said}"

    def start_suite(self, data: Any, _: object) -> None:  # noqa: ANN401 - Robot's model has no types
        """Remove the bundle of an earlier run, which says nothing of this one."""
        if data.parent is None:
            remove_bundle(Path(BuiltIn().get_variable_value("${OUTPUT DIR}")) / NAME)

    def end_suite(self, _: object, result: Any) -> None:  # noqa: ANN401 - Robot's result has no types
        """Name the bundle in the outermost suite's message, which the terminal shows last."""
        if result.parent is None and self._written:
            result.message = "\n".join(filter(None, (result.message, f"Bundle: {self._written}")))


def remove_bundle(folder: Path) -> None:
    """Remove a bundle, where there is one; another folder of that name stays."""
    index = folder / INDEX
    if index.is_file() and index.read_text(encoding="utf-8", errors="replace").startswith(TITLE):
        shutil.rmtree(folder)


def make_content(parts: Sequence[Texts], values: SecretValues | None, masks: Masks) -> Content:
    """Return the files that may leave the cluster: masked, searched, and cut or left out for their size."""
    content = Content()
    unread = dict.fromkeys(" ".join(reason.split()) for part in parts for reason in part.unread)
    content.absent += [f"Not read: {reason}" for reason in unread]
    for part in parts:
        for path, text in part.by_place.items():
            if values is None:
                content.absent.append(
                    f"Left out: {path}, because the values of Secrets are not known, so it is not masked"
                )
                continue
            masked = masks.mask(text)
            leaks = find_leaks(Texts("file", {path: masked}), values)
            content.absent += [f"Left out: {leak}, also when it is masked" for leak in leaks]
            if not leaks:
                content.files[path] = masked.encode(errors="replace")
    content.absent += fit(content.files, MOST_BYTES - FOR_INDEX)
    return content


def _describe(content: Content, values: SecretValues | None) -> str:
    """Return how much a bundle has, what it lacks, and what to do before it is sent."""
    said = f"{counted(len(content.files), 'file')}, {content.size / 1e6:.1f} MB"
    if content.absent:
        said += f"; what is not in it is in its index: {counted(len(content.absent), 'line')}"
    if values and values.unread:
        said += "; look for secrets in it before you send it, as not all Secrets could be read to mask them"
    return said


def _index(about: str, content: Content, values: SecretValues | None, masks: Masks) -> str:
    """Return the index: when and of what the bundle was made, what it has not, its masks and its files."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    sections = {
        "Not in it": content.absent,
        "Masked": [
            f"{mask}, {number} times{f': {masks.names[mask]}' if mask in masks.names else ''}"
            for mask, number in sorted(masks.counts.items())
        ],
        "Files": [f"{len(data):>12,} bytes  {path}" for path, data in sorted(content.files.items())],
    }
    lines = [f"Made at {now} of {about}", f"Searched for tokens and {values or 'nothing else'}"]
    for title, entries in sections.items():
        lines += ["", f"{title}:", *(f"  {entry}" for entry in entries or ["nothing"])]
    return "\n".join([*lines, ""])

"""Compares what Kustomize renders now with a revision: `python -m harness.proofs.rendered REVISION`.

It renders every overlay and every tested combination of Components, from the work tree and from the revision,
and prints each difference once. It compares values: comments, the order of keys and the hash in a generated
name do not count. A changed script or config file is a difference of its ConfigMap's data.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.common.cache import cache_folder
from harness.common.combinations import KUSTOMIZE, ROOT, Combination, combinations, write_kustomization
from harness.common.commands import read_output
from harness.common.errors import reports_errors
from harness.common.kubectl_and_helm import find_program
from harness.common.options import pair
from harness.common.yaml_loader import load_objects, load_yaml

Objects = dict[str, Any]  # `Kind namespace/name`: the object
HASH = re.compile(r"-[a-z0-9]{10}$")  # what Kustomize adds to the name of a generated ConfigMap
SHOWN = 60  # characters of a value


def parse(text: str) -> Objects:
    """Return the objects that Kustomize printed, with generated names as they are without their hash."""
    loaded = load_objects(text)
    generated = {
        name: HASH.sub("", name)
        for thing in loaded
        if thing["kind"] == "ConfigMap" and HASH.search(name := thing["metadata"]["name"])
    }
    objects = {}
    for thing in loaded:
        plain = _plain(thing, generated)
        metadata = plain["metadata"]
        objects[f"{plain['kind']} {metadata.get('namespace', '-')}/{metadata['name']}"] = plain
    return objects


def _plain(value: Any, names: Mapping[str, str], key: str = "") -> Any:  # noqa: ANN401 - any part of an object
    """Return a value with names replaced and YAML files parsed."""
    if isinstance(value, dict):
        return {each: _plain(item, names, str(each)) for each, item in value.items()}
    if isinstance(value, list):
        return [_plain(item, names) for item in value]
    if isinstance(value, str) and key.endswith(".yaml"):
        return load_yaml(value)
    return names.get(value, value) if isinstance(value, str) else value


def differences(before: Any, after: Any, place: str) -> Iterator[str]:  # noqa: ANN401 - any part of an object
    """Yield a line for each smallest part that differs: its place, the value before and after."""
    if before == after:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted({*before, *after}):
            yield from differences(before.get(key), after.get(key), f"{place} {key}".strip())
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from differences(old, new, f"{place} {index}")
    else:
        yield f"{place}: {_shown(before)} -> {_shown(after)}"


def _shown(value: object) -> str:
    if value is None:
        return "nothing"
    text = " ".join(str(value).split())
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}... ({len(text)} characters)"


def rename(text: str, renamed: Mapping[str, str]) -> str:
    """Return a text with names of before replaced by those of now."""
    for old, new in renamed.items():
        text = text.replace(old, new)
    return text


class Renderer:
    """Renders overlays and combinations of one kustomize folder."""

    def __init__(self, kubectl: str, kustomize: Path, renamed: Mapping[str, str]) -> None:
        """Keep the folder, and the names that are other ones there: the name there, the name now."""
        self.kubectl = kubectl
        self.kustomize = kustomize
        self.renamed = renamed

    def render(self, folder: Path) -> Objects:
        """Return the objects of a kustomization. Raises HarnessError when it does not build."""
        text = read_output([self.kubectl, "kustomize", folder], f"{folder} does not build")
        return parse(rename(text, self.renamed))

    def overlays(self) -> set[str]:
        """Return the folders of overlays, and of what belongs to one, such as kagenti/attach."""
        folder = self.kustomize / "overlays"
        files = {str(file.parent.relative_to(folder)): file for file in folder.rglob("kustomization.yaml")}
        return {name for name, file in files.items() if "kind: Kustomization" in file.read_text("utf-8")}

    def overlay(self, name: str) -> Objects | None:
        """Return the objects of a folder of overlays, None where there is no such folder."""
        return self.render(self.kustomize / "overlays" / name) if name in self.overlays() else None

    def combination(self, wanted: Combination) -> Objects | None:
        """Return the objects of an overlay with Components on top, None where one of them is missing.

        Components are named as they are now.
        """
        names = {new: old for old, new in self.renamed.items()}
        components = [self.kustomize / "components" / names.get(name, name) for name in wanted.on_top]
        overlay = self.kustomize / "overlays" / wanted.overlay
        if not all(part.is_dir() for part in (overlay, *components)):
            return None
        with tempfile.TemporaryDirectory() as folder:
            return self.render(write_kustomization(Path(folder), overlay, components))


def compare(before: Renderer, after: Renderer) -> tuple[int, Counter[str]]:
    """Return how many stacks were rendered, and in how many of them each difference is."""
    found: Counter[str] = Counter()
    names = sorted(before.overlays() | after.overlays())
    stacks = {name: (before.overlay(name), after.overlay(name)) for name in names}
    for wanted in combinations():
        if wanted.components:
            stacks[str(wanted)] = (before.combination(wanted), after.combination(wanted))
    for name, (old, new) in stacks.items():
        place = "" if old is not None and new is not None else f"stack {name}"
        found.update(set(differences(old, new, place)))
    return len(stacks), found


def report(count: int, found: Mapping[str, int], intended: Sequence[str]) -> int:
    """Print the differences, those that are not intended last; return how many are not."""
    wrong = [line for line in sorted(found) if not any(text in line for text in intended)]
    for line in sorted(set(found) - set(wrong)):
        print(f"intended, in {found[line]} of {count} stacks: {line}")
    for line in wrong:
        print(f"differs, in {found[line]} of {count} stacks: {line}")
    print(f"{count} stacks rendered: {len(found) - len(wrong)} intended differences, {len(wrong)} others")
    return len(wrong)


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m harness.proofs.rendered", description=__doc__)
    parser.add_argument("revision", help="a git revision to compare with")
    parser.add_argument(
        "--renamed",
        type=pair("="),
        action="append",
        default=[],
        metavar="OLD=NEW",
        help="a name there and now, of a Component or anywhere in what is rendered; may be repeated",
    )
    parser.add_argument(
        "--intended",
        action="append",
        default=[],
        metavar="TEXT",
        help="differences whose line contains this text do not fail the proof; may be repeated",
    )
    return parser.parse_args()


@reports_errors
def main() -> int:
    """Compare; return 0 when every difference is intended."""
    arguments = parse_arguments()
    renamed = dict(arguments.renamed)
    kubectl = find_program("kubectl", cache_folder() / "programs")
    with tempfile.TemporaryDirectory() as parent:
        tree = Path(parent) / "revision"
        git = ["git", "-C", str(ROOT), "worktree"]
        read_output([*git, "add", "--detach", str(tree), arguments.revision], "the revision cannot be had")
        try:
            before = Renderer(kubectl, tree / "kustomize", renamed)
            count, found = compare(before, Renderer(kubectl, KUSTOMIZE, {}))
        finally:
            read_output([*git, "remove", "--force", str(tree)], "the revision's work tree stays")
    return 1 if report(count, found, arguments.intended) else 0


if __name__ == "__main__":
    sys.exit(main())

"""The pages that people read: paths and anchors in them exist, and sentences are short."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").glob("*.md")),
]
WRITTEN = [page for page in PAGES if page.name != "keywords.md"]  # by hand
LONGEST_SENTENCE = 25  # words
LONGEST_PARAGRAPH = 660  # characters: six lines of GitHub's pages
FOLDERS = ("kustomize", "robot", "resources", "libraries", "apps", "harness", "learn", "tests", "docs")


def prose(text: str) -> list[str]:
    """Return paragraphs, list items and table cells of a page, without code."""
    text = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    found = []
    for block in text.split("\n\n"):
        if not block.startswith("    "):
            lines = re.split(r"\n(?=[-|] |\d+\. |\|)", block)
            found += [cell.strip() for line in lines for cell in re.split(r"(?<!\\)\|", line)]
    return found


def sentences(paragraph: str) -> list[str]:
    """Return the sentences of a paragraph; what a colon or semicolon separates can be read alone."""
    return re.split(r"(?<=[.!?:;])\s+", paragraph)


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: page.name)
def test_sentences_and_paragraphs_are_short(page: Path) -> None:
    for paragraph in prose(page.read_text(encoding="utf-8")):
        assert len(paragraph) <= LONGEST_PARAGRAPH, f"long paragraph: {paragraph[:80]}"
        for sentence in sentences(paragraph):
            assert len(sentence.split()) <= LONGEST_SENTENCE, f"long sentence: {sentence}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)]+)\)", page.read_text(encoding="utf-8")):
        path, _, anchor = target.partition("#")
        file = page.parent / path if path else page
        assert file.exists(), f"{page.name} links to {target}"
        headings = re.findall(r"^#+ (.+)", file.read_text(encoding="utf-8"), re.MULTILINE) if anchor else []
        assert not anchor or anchor in [heading.lower().replace(" ", "-") for heading in headings], target


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: page.name)
def test_paths_that_are_named_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for path in re.findall(rf"`((?:{'|'.join(FOLDERS)})/[\w./-]*)`", text):
        assert "NAME" in path or (ROOT / path).exists(), f"{page.name} names {path}"


def test_a_long_sentence_is_found_in_a_table_and_in_text() -> None:
    long = " ".join(["word"] * 26)
    for text in (f"Short. {long}.", f"| cell | {long} |", f"- {long}", f"1. One.\n2. {long}"):
        assert any(len(s.split()) > LONGEST_SENTENCE for p in prose(text) for s in sentences(p)), text
    assert prose("```\ncode\n```\n\n    code") == [""]

"""docs/keywords.md shows the keywords as they are now."""

import subprocess
import sys
from pathlib import Path

from harness.keyword_pages import section

ROOT = Path(__file__).parents[2]


def test_the_page_of_keywords_is_current() -> None:
    # In a process of its own: libdoc imports the libraries anew.
    command = [sys.executable, "-m", "harness.keyword_pages", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_keyword_is_a_row_with_its_arguments_and_a_private_one_is_left_out() -> None:
    keyword = {"name": "Get Any", "args": [{"repr": "a: int | None"}], "shortdoc": "Return\nit.", "tags": []}
    private = {**keyword, "name": "Own", "tags": ["robot:private"]}
    described = {"doc": "<p>What <b>it</b> is &amp;\nfor.</p>\n<p>More.</p>", "keywords": [keyword, private]}
    assert section(ROOT / "resources" / "stack.resource", described).splitlines() == [
        "## resources/stack.resource",
        "",
        "What it is & for.",
        "",
        "| keyword | arguments | does |",
        "|---|---|---|",
        "| Get Any | `a: int \\| None` | Return it. |",
    ]

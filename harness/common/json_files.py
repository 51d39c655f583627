"""Reads JSON files that a command wrote earlier, perhaps an older version of it, or was ended meanwhile."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from harness.common.errors import HarnessError

Content = TypeVar("Content")
# What reading raises of a file that is no text or no JSON, and of a value that has another form.
OTHER_FORM = (ValueError, LookupError, TypeError, AttributeError, RecursionError)


def read_json(file: Path, command: str, make: Callable[[Any], Content]) -> Content:
    """Return what `make` makes of the content of a file that a command wrote.

    Raises HarnessError where it is no JSON, or where `make` meets another form than it knows.
    """
    try:
        return make(json.loads(file.read_text(encoding="utf-8")))
    except OTHER_FORM as error:
        raise HarnessError(
            f"{file} is not what this version of `{command}` writes: run that again."
        ) from error

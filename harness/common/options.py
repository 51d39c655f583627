"""Options of command lines that argparse has no type for."""

from __future__ import annotations

import argparse
from collections.abc import Callable


def pair(separator: str) -> Callable[[str], tuple[str, str]]:
    """Return what reads an option such as `NAME=VALUE`; argparse reports one without the separator."""

    def read(text: str) -> tuple[str, str]:
        name, found, value = text.partition(separator)
        if not name or not found:
            raise argparse.ArgumentTypeError(f"{text!r} is not NAME{separator}VALUE")
        return name, value

    return read

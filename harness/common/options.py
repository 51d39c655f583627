"""Options of command lines that argparse has no type for."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from pathlib import Path

KUSTOMIZATIONS = ("kustomization.yaml", "kustomization.yml", "Kustomization")
LABEL = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")  # RFC 1123's label, which namespaces have too


def label(text: str) -> str:
    """Return the name of a namespace or a file. Raises ArgumentTypeError for what is none."""
    if not LABEL.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no name of lower-case letters, digits and dashes")
    return text


def kustomization(text: str) -> Path:
    """Return a folder that Kustomize builds. Raises ArgumentTypeError for another one."""
    if not any((Path(text) / name).is_file() for name in KUSTOMIZATIONS):
        raise argparse.ArgumentTypeError(f"{text!r} has no {KUSTOMIZATIONS[0]}")
    return Path(text)


def pair(separator: str) -> Callable[[str], tuple[str, str]]:
    """Return what reads an option such as `NAME=VALUE`; argparse reports one without the separator."""

    def read(text: str) -> tuple[str, str]:
        name, found, value = text.partition(separator)
        if not name or not found:
            raise argparse.ArgumentTypeError(f"{text!r} is not NAME{separator}VALUE")
        return name, value

    return read


def whole_number(least: int, most: int | None = None) -> Callable[[str], int]:
    """Return what reads a whole number from `least` to `most`, without an end by default.

    argparse reports another one.
    """

    def read(text: str) -> int:
        if text.isdecimal() and least <= int(text) and (most is None or int(text) <= most):
            return int(text)
        to = "on" if most is None else f"to {most}"
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from {least} {to}")

    return read

"""What the setting TOLERATE may name: findings that are warnings then, each with the reason."""

from __future__ import annotations

from collections.abc import Mapping

# Why an installation can be healthy though it is found.
TOLERABLE: Mapping[str, str] = {
    "attributes-dropped": "the agent's SDK drops the oldest of more than 128 attributes of a span",
    "pages-rejected": "nobody here uses MLflow's pages in a browser",
    "password-on-command-line": "the installation's own manifest does this, and only its maker can change it",
    "tokens-doubled": "no filter drops the second instrumentation's spans: halve what MLflow shows",
}


class ToleranceError(Exception):
    """TOLERATE cannot be read; the message says what it may be."""

    ROBOT_SUPPRESS_NAME = True


def read_tolerances(tolerate: object) -> dict[str, str]:
    """Return the reason of each tolerance by its name.

    `tolerate` is TOLERATE of the settings: names as a list or as a text with commas, or a map of names and
    reasons. Raises ToleranceError where it is neither, and where a name is none that may be tolerated.
    """
    names = tolerate.split(",") if isinstance(tolerate, str) else tolerate
    if not isinstance(names, list | tuple | Mapping):
        raise ToleranceError(
            f"TOLERATE is {tolerate!r}: give names as a list, or names with reasons as a map."
        )
    given = dict(names) if isinstance(names, Mapping) else {str(name).strip(): "" for name in names}
    given.pop("", None)
    for name in given:
        if name not in TOLERABLE:
            raise ToleranceError(f"TOLERATE names {name}, which is none of: {', '.join(TOLERABLE)}.")
    return {name: str(reason or TOLERABLE[name]) for name, reason in given.items()}

"""What of a trace may be copied into a contract: nothing that looks like a secret or is about a person."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_PERSONAL_KEY = re.compile(
    r"(?i)(^|[^a-z])((end)?user|e?mail|phone|address|customer|account|person)([^a-z]|$)"
)
_E_MAIL = re.compile(r"[^\s@<>]+@[^\s@<>]+\.[^\s@<>]+")


class Privacy:
    """Knows secrets by the patterns of a contract's section `secrets`."""

    def __init__(self, secrets: Mapping[str, Any]) -> None:
        """Take the patterns over."""
        self._texts: Mapping[str, str] = secrets["texts"]
        self._keys: str = secrets["keys"]

    def hides_text(self, text: str) -> bool:
        """Return whether something that looks like a secret, or an e-mail address, stands in a text."""
        return bool(_E_MAIL.search(text)) or any(re.search(each, text) for each in self._texts.values())

    def hides_key(self, key: str) -> bool:
        """Return whether an attribute's name says that its value is a secret, or about a person."""
        return bool(re.search(self._keys, key) or _PERSONAL_KEY.search(key))

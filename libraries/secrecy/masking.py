"""Masks secrets in texts that leave the cluster: values of Secrets, and what is secret by its form."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from functools import partial

from robot.api.deco import keyword, library

from secrecy.search import TOKEN, forms_of
from secrecy.values import SecretValues

# What is secret by what stands around it; the group `secret` is masked. Each begins with text that must be
# there, because logs are long. An environment variable is searched for in JSON, as objects have it.
PATTERNS = {
    "private key": re.compile(
        r"-----BEGIN [A-Z ]*PRIVATE KEY-----(?P<secret>.*?)-----END [A-Z ]*PRIVATE KEY-----", re.DOTALL
    ),
    "token": re.compile(f"(?P<secret>{TOKEN.pattern})"),
    "login": re.compile(r"[Bb](?:asic|earer)\s+(?P<secret>[\w+/=.~-]{16,})"),
    # A reference to a variable, as $(NAME), is none, and asterisks are what others mask with.
    "password of a URL": re.compile(r"""://[^\s/:@"'\\<>]*:(?P<secret>(?!\$[({]|\*)[^\s/@"'\\<>]+)@"""),
    "environment variable": re.compile(
        r""""name":\s"[^"]*(?:PASSWORD|PASSWD|SECRET|TOKEN|API_?KEY|ACCESS_?KEY|CREDENTIALS?)",\s*"""
        r""""value":\s"(?P<secret>(?:[^"\\]|\\.)+)\"""",
        re.IGNORECASE,
    ),
}


@library(scope="GLOBAL")
class Masking:
    """Masks what is secret by its form."""

    @keyword
    def mask_lines(self, lines: Iterable[str]) -> list[str]:
        """Return lines of a log with tokens, logins and passwords of URLs masked.

        Values of Secrets are not known here: the search of the output finds those.
        """
        masks = Masks(SecretValues())
        return [masks.mask(line) for line in lines]


class Masks:
    """Replaces secrets in texts, and counts how often; `counts` has the number by the mask's name."""

    def __init__(self, values: SecretValues) -> None:
        """Mask these values in every form in which they leak, the longest first."""
        self.names = {f"<masked {number}>": name for number, name in enumerate(values.searched, start=1)}
        self.counts: Counter[str] = Counter()
        forms = {
            form: mask
            for mask, value in zip(self.names, values.searched.values(), strict=True)
            for form in forms_of(value.value)
        }
        self._forms = sorted(forms.items(), key=lambda each: len(each[0]), reverse=True)

    def mask(self, text: str) -> str:
        """Return a text with a mask such as `<masked 3>` or `<masked token>` in place of each secret."""
        for form, mask in self._forms:
            if form in text:
                self.counts[mask] += text.count(form)
                text = text.replace(form, mask)
        for name, pattern in PATTERNS.items():
            text = pattern.sub(partial(self._replace, f"<masked {name}>"), text)
        return text

    def _replace(self, mask: str, found: re.Match[str]) -> str:
        """Return what was found with the mask in place of its secret, as it is where that is masked."""
        secret = found["secret"]
        if secret.startswith("<masked "):
            return found[0]
        self.counts[mask] += 1
        before, after = found.start("secret") - found.start(), found.end("secret") - found.start()
        return f"{found[0][:before]}{mask}{found[0][after:]}"

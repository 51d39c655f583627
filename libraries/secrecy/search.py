"""Searches texts for secrets that leaked: as they are, or as requests and objects carry them."""

from __future__ import annotations

import base64
import html
import json
import re
from urllib.parse import quote

from robot.api.deco import keyword, library

from messages import counted
from secrecy.places import Texts
from secrecy.values import SecretValues

# A signed JWT, RFC 7519: two JSON objects and a signature, in base64url. `eyJ` is how `{"` begins there.
TOKEN = re.compile(r"eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{16,}")


@library(scope="GLOBAL")
class Search:
    """Searches texts for values of Secrets. Its messages name the Secret and the place, never the value."""

    @keyword
    def texts_should_contain_no_secret(self, texts: Texts, values: SecretValues) -> str:
        """Fail with each place that leaks a secret; return what was searched for what, and what was not.

        Fails also where there is nothing to search, or nothing to look for.
        """
        leaks, searched = self.search_for_secrets(texts, values)
        if leaks:
            raise AssertionError(f"{'; '.join(leaks)}.")
        return searched

    @keyword
    def search_for_secrets(self, texts: Texts, values: SecretValues) -> tuple[list[str], str]:
        """Return a sentence for each place that leaks a secret, and what was searched for what, and what not.

        Fails where there is nothing to search, or nothing to look for.
        """
        searched = f"{counted(len(texts.by_place), texts.sort)} for tokens and {values}"
        unread = f" Not searched: {'; '.join(texts.unread)}." if texts.unread else ""
        if not texts.by_place or not values.searched:
            raise AssertionError(f"Nothing was searched: {searched}.{unread}")
        return find_leaks(texts, values), f"Searched {searched}.{unread}"


def find_leaks(texts: Texts, values: SecretValues) -> list[str]:
    """Return a sentence for each place and each value, or token of any issuer, that its text holds."""
    forms = {name: forms_of(value.value) for name, value in values.searched.items()}
    return [
        f"{place} leaks {name}"
        for place, text in texts.by_place.items()
        for name in (
            *(name for name, known in forms.items() if any(form in text for form in known)),
            *sorted({describe_token(token) for token in TOKEN.findall(text)}),
        )
    ]


def describe_token(token: str) -> str:
    """Return whose token a JWT is, as far as it says so."""
    body = token.split(".")[1]
    try:
        claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        return f"a token of {claims['iss']} for {claims.get('preferred_username') or claims['sub']}"
    except (ValueError, KeyError, TypeError):
        return "a token"


def forms_of(value: str) -> set[str]:
    """Return the texts by which a value leaks: itself, in a URL, in JSON, in XML, in base64 anywhere.

    JSON may be a text within JSON, as in the annotation that `kubectl apply` makes.

    In base64 three bytes make four characters, so a value in the middle of something looks one of three ways;
    its first and last characters, which depend on what is around it, are left out.
    """
    raw = value.encode(errors="surrogateescape")
    found = {value, quote(raw, safe=""), html.escape(value), html.escape(value, quote=False)}
    for each in (True, False):
        in_json = json.dumps(value, ensure_ascii=each)[1:-1]
        found |= {in_json, json.dumps(in_json, ensure_ascii=each)[1:-1]}
    for before in range(3):
        text = base64.b64encode(b"\0" * before + raw).decode().rstrip("=")
        first = (before * 8 + 5) // 6  # characters that have bits of what stands before
        last = (before + len(raw)) * 8 // 6  # and from here on of what stands behind
        found |= {text[first:last], text[first:last].replace("+", "-").replace("/", "_")}
    return found

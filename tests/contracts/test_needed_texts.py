"""A text that a pattern can match is never left out of the search."""

from __future__ import annotations

import re

import pytest

from contracts.contract import load_contract
from contracts.needed_texts import NeededTexts
from contracts.search import TextSearch
from tests.contracts.mutations import KEY
from traces.model import Span

PATTERNS = load_contract("any-agent.yaml").sections["secrets"]["texts"]
SECRETS = {
    "api-key": [KEY, "AKIA" + "A1" * 8, "ghp_" + "a1" * 10, "glpat-" + "a1" * 10, "xoxb-" + "a1" * 10],
    "bearer-token": ["Bearer " + "x7" * 12, "BEARER " + "x7" * 12, "bea\u017fer bearer " + "x7" * 12],
    "json-web-token": ["eyJ" + "a" * 9 + ".eyJ" + "b" * 9 + "." + "c" * 9],
    "private-key": ["-----BEGIN RSA PRIVATE " + "KEY-----"],
    "address-with-password": ["postgresql://mlflow:hunter2@postgres/mlflow"],
    "assigned-password": [
        "password=hunter2000",
        "PASSWD: hunter2000",
        "api-key = hunter2000",
        "Access_Token: 'hunter2000'",
        "pa\u017f\u017fword=hunter2000",
        "ap\u0131 key, AP\u0130KEY=hunter2000",
    ],
}


def span(note: object) -> Span:
    return Span("0" * 32, "1" * 16, None, "a span", "TOOL", 0, 1, "OK", attributes={"note": note})


def test_every_pattern_has_secrets() -> None:
    assert SECRETS.keys() == PATTERNS.keys()


@pytest.mark.parametrize(
    ("name", "text"), [(name, text) for name, texts in SECRETS.items() for text in texts]
)
def test_a_secret_is_found_wherever_it_stands(name: str, text: str) -> None:
    assert re.search(PATTERNS[name], text)
    for held in (text, f"22 °C, {text}", f'{{"note": "{text}"}}'):
        assert NeededTexts(PATTERNS[name]).may_match(held, held.lower())
        found = TextSearch({"secrets": {"texts": {name: PATTERNS[name]}}}).find(span(held))
        assert [(each.where, each.value, each.has_secret) for each in found] == [
            ("attribute note", held, True)
        ]


def test_several_patterns_need_the_texts_of_each() -> None:
    needed = NeededTexts(*PATTERNS.values())
    assert needed.texts == set().union(*(NeededTexts(pattern).texts for pattern in PATTERNS.values()))
    assert all(needed.may_match(text, text.lower()) for texts in SECRETS.values() for text in texts)
    assert not needed.may_match("Ghosts are making highs.", "ghosts are making highs.")


def test_what_is_found_once_is_found_again() -> None:
    search = TextSearch(
        {"secrets": {"texts": PATTERNS, "keys": "password$"}, "canaries": {"pattern": "WX-[0-9A-F]{8}"}}
    )
    values: list[tuple[object, object]] = [
        ("plain", None),
        (7, None),
        (("WX-266581A3", "plain"), (False, {"WX-266581A3"})),
        ('{"a": "WX-266581A3 WX-266581A4"}', (False, {"WX-266581A3", "WX-266581A4"})),
        ('{"a": ["' + KEY + '", "WX-266581A3"]}', (True, {"WX-266581A3"})),
        ('{"a": {"password": "plain"}}', (True, set())),
    ]
    for value, expected in values * 2:
        found = [(each.has_secret, set(each.canaries)) for each in search.find(span(value))]
        assert found == ([] if expected is None else [expected])


@pytest.mark.parametrize("pattern", PATTERNS.values())
def test_an_ordinary_text_is_not_searched(pattern: str) -> None:
    text = "The weather in Paris is snowy at 22.3 °C with 92 % humidity (station WX-266581A3)."
    assert not NeededTexts(pattern).may_match(text, text.lower())


@pytest.mark.parametrize(
    ("pattern", "texts"),
    [
        (r"\bab(c|d)e?", {"abc", "abd", "abce", "abde"}),
        (r"(?i)AB[_-]?C\s+\w{4}", {"abc", "ab_c", "ab-c"}),
        (r"x(?=yy)|zz+", {"x", "z"}),
        (r"[a-z]+://[^@]+@host", {"@host"}),
        (r"(?x) a b  # a comment", {"ab"}),
        (r"(ab){2,}c", {"ab"}),
        (r"(?:abc)*", set()),
        (r"abc|\d+", set()),
        (r".", set()),
        ("Σ", set()),
        ("(?!)", set()),
        ("", set()),
    ],
)
def test_what_a_pattern_needs(pattern: str, texts: set[str]) -> None:
    needed = NeededTexts(pattern)
    assert needed.texts - {""} == texts
    assert texts or needed.may_match("anything", "anything")

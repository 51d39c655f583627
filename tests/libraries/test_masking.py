"""Secrets are masked in every form in which they leak, and what is no secret stays."""

from __future__ import annotations

import json

import pytest
from robot.api.types import Secret

from secrecy.masking import Masking, Masks
from secrecy.places import Texts
from secrecy.search import find_leaks
from secrecy.values import SecretValues
from tests.libraries.test_secrecy import FORMS, NAME, PASSWORD, VALUES

TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJub2JvZHkifQ.c2lnbmF0dXJlc2lnbmF0dXJl"  # noqa: S105 - nobody's
# By the name of the mask: a text, and what of it is masked.
BY_FORM = {
    "token": (f"got {TOKEN} from it", TOKEN),
    "private key": (
        json.dumps({"tls.key": "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\n"}),
        "\\nMIIE\\n",
    ),
    "login": ("authorization: Basic YWRtaW46YWRtaW4xMjM0", "YWRtaW46YWRtaW4xMjM0"),
    "password of a URL": ("postgresql://mlflow:pass-word@postgres:5432/mlflow", "pass-word"),
    "environment variable": (
        json.dumps({"env": [{"name": "OPENAI_API_KEY", "value": 'sk-"1'}]}, indent=2),
        r"sk-\"1",
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_value_of_a_secret_is_masked(form: str) -> None:
    masks = Masks(VALUES)
    masked = masks.mask(FORMS[form])
    assert find_leaks(Texts("log", {"log": masked}), VALUES) == []
    assert "<masked 1>" in masked
    assert masks.names == {"<masked 1>": NAME}
    assert masks.counts["<masked 1>"] == 1


def test_a_value_within_json_within_json_is_found_and_masked() -> None:
    applied = json.dumps({"annotation": json.dumps({"password": PASSWORD})})
    assert find_leaks(Texts("object", {"object": applied}), VALUES) == [f"object leaks {NAME}"]
    assert json.loads(Masks(VALUES).mask(applied)) == {"annotation": '{"password": "<masked 1>"}'}


def test_a_value_that_contains_another_one_is_masked_as_a_whole() -> None:
    values = SecretValues({"inner": Secret("password"), "outer": Secret("my-password-1")})
    assert Masks(values).mask("my-password-1, password") == "<masked 2>, <masked 1>"


@pytest.mark.parametrize("name", BY_FORM)
def test_what_is_secret_by_its_form_is_masked_too(name: str) -> None:
    text, secret = BY_FORM[name]
    masks = Masks(SecretValues())
    assert masks.mask(text) == text.replace(secret, f"<masked {name}>")
    assert masks.counts == {f"<masked {name}>": 1}


def test_only_the_secret_is_masked_of_what_stands_around_it() -> None:
    variable = json.dumps({"name": "TOKEN", "value": "e"}, indent=2)
    assert json.loads(Masks(SecretValues()).mask(variable)) == {
        "name": "TOKEN",
        "value": "<masked environment variable>",
    }


def test_a_secret_is_masked_once() -> None:
    masks = Masks(SecretValues({"key": Secret("pass-word")}))
    assert masks.mask("postgresql://mlflow:pass-word@postgres") == "postgresql://mlflow:<masked 1>@postgres"
    assert masks.counts == {"<masked 1>": 1}


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://$(DB_USER):$(DB_PASSWORD)@postgres:5432/mlflow",
        "postgresql://phoenix:***@postgres:5432/phoenix",
        "http://mlflow:5000/v1/traces",
        "Basic authentication is off",
        '{"name": "LLM_MODEL", "value": "scripted"}',
        '{"name": "DB_PASSWORD", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}}',
        "-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert Masks(SecretValues()).mask(text) == text


def test_lines_of_a_log_are_masked_by_their_form_alone() -> None:
    lines = ["connecting to postgresql://mlflow:hunter22@postgres:5432/mlflow", "ready"]
    assert Masking().mask_lines(lines) == [
        "connecting to postgresql://mlflow:<masked password of a URL>@postgres:5432/mlflow",
        "ready",
    ]

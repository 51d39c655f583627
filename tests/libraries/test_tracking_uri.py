"""MLFLOW_TRACKING_URI is taken as mlflow's own client takes it, and nothing shows what it says of a login."""

from __future__ import annotations

import pytest
import requests

from entry.entry_point import EntryError, EntryPoint
from entry.tracking_uri import TrackingUri


def given(monkeypatch: pytest.MonkeyPatch, uri: str) -> EntryPoint | None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    return TrackingUri().get_entry_point_from_environment()


def test_without_it_there_is_no_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    assert TrackingUri().get_entry_point_from_environment() is None
    assert given(monkeypatch, "") is None


@pytest.mark.parametrize(
    ("uri", "url"),
    [
        ("https://mlflow.example/", "https://mlflow.example"),
        ("https://mlflow.example:443", "https://mlflow.example"),
        ("HTTP://MLflow.Example:80/mlflow/", "http://mlflow.example/mlflow"),
        ("http://[::1]:5000/a/b", "http://[::1]:5000/a/b"),
        ("https://admin:password@mlflow.example:444/x", "https://mlflow.example:444/x"),
    ],
)
def test_a_url_may_have_a_path_and_a_slash_at_its_end(
    uri: str, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = given(monkeypatch, uri)
    assert entry
    assert entry.url == url


@pytest.mark.parametrize(
    ("uri", "why"),
    [
        ("mlflow:5000", "must be the URL of a server"),
        ("mlflow.example", "must be the URL of a server"),
        ("http://", "must be the URL of a server"),
        ("sqlite:///mlflow.db", "must be the URL of a server"),
        ("./mlruns", "must be the URL of a server"),
        ("postgresql://admin:top-secret@mlflow.example", "must be the URL of a server"),
        ("http://admin:top-secret/word@mlflow.example", "no valid host and port"),
        ("http://admin:1/top-secret@mlflow.example", "an @ in its path"),
        ("http://admin:1?top-secret@mlflow.example", "has a query"),
        ("http://admin:1#top-secret@mlflow.example", "a fragment"),
        ("http://mlflow.example?token=top-secret", "has a query"),
        ("http://mlflow.example/#/experiments/0", "a fragment"),
        ("http://admin:top-secret@mlflow.example:port", "no valid host and port"),
        ("http://[::1:5000", "no valid host and port"),
    ],
)
def test_what_is_no_url_of_a_server_is_named_and_not_shown(
    uri: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(EntryError, match=f"^MLFLOW_TRACKING_URI .*{why}") as raised:
        given(monkeypatch, uri)
    assert "top-secret" not in str(raised.value)
    assert raised.value.__cause__ is None


@pytest.mark.parametrize(
    "login", ["admin:top%40secret", "top-secret:", ":top-secret", "top-secret:more:colons"]
)
def test_a_login_is_sent_as_requests_sends_it_and_is_not_shown(
    login: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = given(monkeypatch, f"https://{login}@mlflow.example")
    assert entry
    sent = requests.Request("GET", entry.url, auth=entry.login).prepare().headers["Authorization"]
    theirs = requests.Request("GET", f"https://{login}@mlflow.example").prepare().headers["Authorization"]
    assert sent == theirs == str(entry.login_headers["Authorization"])
    shown = f"{entry} {entry!r} {entry.login} {entry.login_headers}"
    assert theirs.split()[1] not in shown
    assert "top" not in shown


def test_a_name_alone_is_no_login_as_it_is_none_to_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    assert given(monkeypatch, "https://top-secret@mlflow.example") == EntryPoint("https://mlflow.example")
    assert given(monkeypatch, "https://:@mlflow.example") == EntryPoint("https://mlflow.example")

"""Addresses and URLs that the user gives are read, and what is none is named."""

from __future__ import annotations

import os

import pytest

from entry.addresses import Addresses, entry_point_at, parse_address, read_address
from entry.entry_point import EntryError, EntryPoint, Login


@pytest.mark.parametrize(
    "given", ["localhost", "8080", ":8080", "host:", "host:port", "http://host:80", "a:1/x"]
)
def test_what_is_no_address_is_named(given: str) -> None:
    with pytest.raises(EntryError, match=r"GATEWAY_ADDRESS is .* must be host:port"):
        read_address({"GATEWAY_ADDRESS": given}, "GATEWAY_ADDRESS")


def test_an_address_has_a_host_and_a_port() -> None:
    assert read_address({}, "GATEWAY_ADDRESS") is None
    assert parse_address("192.0.2.7:8080") == ("192.0.2.7", 8080)
    assert parse_address("[2001:db8::7]:8080") == ("2001:db8::7", 8080)
    assert entry_point_at("http://mlflow.example", ("2001:db8::7", 80)).address == "[2001:db8::7]:80"


def test_a_host_at_an_address_bypasses_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "example.org")
    for _ in range(2):
        entry_point_at("http://mlflow.example", ("192.0.2.7", 80))
    assert os.environ["NO_PROXY"] == "example.org,mlflow.example"


def given(monkeypatch: pytest.MonkeyPatch, url: str) -> EntryPoint | None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", url)
    return Addresses().get_entry_point_from_environment()


def test_the_environment_names_mlflow(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Addresses().get_entry_point_from_environment() is None
    assert given(monkeypatch, "https://mlflow.example/") == EntryPoint("https://mlflow.example")


@pytest.mark.parametrize(
    "url", ["mlflow:5000", "mlflow.example", "http://", "sqlite:///mlflow.db", "./mlruns"]
)
def test_what_is_no_url_of_a_server_is_named(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(EntryError, match=r"MLFLOW_TRACKING_URI is .* must be the URL of a server"):
        given(monkeypatch, url)


def test_a_login_in_the_url_is_used_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = given(monkeypatch, "https://admin:p%40ss@mlflow.example:444/x")
    assert entry
    assert entry.url == "https://mlflow.example:444/x"
    assert isinstance(entry.login, Login)
    assert (entry.login.username, entry.login.password.value) == ("admin", "p@ss")
    assert "p@ss" not in f"{entry} {entry!r}"
    assert "p%40ss" not in f"{entry} {entry!r}"
    with pytest.raises(EntryError) as raised:
        given(monkeypatch, "postgresql://admin:p%40ss@mlflow.example")
    assert "p%40ss" not in str(raised.value)

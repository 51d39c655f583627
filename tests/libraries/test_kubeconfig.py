"""The kubeconfig is read as kubectl reads it: the same files, the same context, the same paths."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from kube import kubeconfig
from kube.kubeconfig import Context, KubeconfigError, read_context, read_service_account


def config(name: str, *, current: str | None = None, server: str = "", **user: Any) -> dict[str, Any]:  # noqa: ANN401
    """Return a kubeconfig with one context, whose cluster and user have its name too."""
    found: dict[str, Any] = {
        "kind": "Config",
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "clusters": [{"name": name, "cluster": {"server": server or f"https://{name}"}}],
        "users": [{"name": name, "user": user}],
    }
    return found if current is None else {**found, "current-context": current}


def read(folder: Path, *files: Any, chosen: str = "") -> Context:  # noqa: ANN401 - also what is no kubeconfig
    """Write files, and return the context that KUBECONFIG with all of them gives."""
    paths = []
    for number, content in enumerate(files):
        path = folder / str(number)
        path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
        paths.append(str(path))
    found = read_context(chosen, {"KUBECONFIG": os.pathsep.join(paths)})
    assert found
    return found


def test_the_first_current_context_wins(tmp_path: Path) -> None:
    assert read(tmp_path, config("a", current="a"), config("b", current="b")).name == "a"


@pytest.mark.parametrize("empty", [{}, {"current-context": ""}, {"current-context": None}, ""])
def test_a_file_without_a_current_context_leaves_the_choice_to_the_others(
    tmp_path: Path, empty: object
) -> None:
    assert read(tmp_path, empty, config("a", current="a"), empty).name == "a"


def test_a_current_context_may_stand_in_another_file_than_its_context(tmp_path: Path) -> None:
    found = read(tmp_path, {"current-context": "b"}, config("a", current="a"), config("b"))
    assert (found.name, found.cluster["server"]) == ("b", "https://b")


def test_the_first_entry_of_a_name_wins_as_a_whole(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        config("a", current="a", server="https://first"),
        config("a", server="https://last", username="u"),
    )
    assert (found.cluster["server"], found.user) == ("https://first", {})


def test_another_context_can_be_chosen(tmp_path: Path) -> None:
    assert read(tmp_path, config("a", current="a"), config("b"), chosen="b").cluster_name == "b"


def test_missing_files_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "config").write_text(yaml.safe_dump(config("a", current="a")))
    named = os.pathsep.join(["", str(tmp_path / "missing"), str(tmp_path / "config")])
    found = read_context("", {"KUBECONFIG": named})
    assert found
    assert found.name == "a"
    assert read_context("", {"KUBECONFIG": str(tmp_path / "missing")}) is None


def test_the_file_of_the_home_folder_is_read_where_kubeconfig_is_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".kube").mkdir()
    (tmp_path / ".kube" / "config").write_text(yaml.safe_dump(config("a", current="a")))
    for environment in ({}, {"KUBECONFIG": ""}):
        found = read_context("", environment)
        assert found
        assert found.name == "a"


def test_relative_paths_are_relative_to_their_own_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    user: dict[str, Any] = {
        "client-certificate": "u.crt",
        "client-key": "/keys/u.key",
        "tokenFile": "../token",
    }
    user["exec"] = {"command": "./plugin"}
    (tmp_path / "folder" / "config").write_text(yaml.safe_dump(config("a", current="a", **user)))
    found = read_context("", {"KUBECONFIG": "folder/config"})
    assert found
    assert found.user == {
        "client-certificate": str(tmp_path / "folder" / "u.crt"),
        "client-key": "/keys/u.key",
        "tokenFile": str(tmp_path / "folder" / ".." / "token"),
        "exec": {"command": str(tmp_path / "folder" / "plugin")},
    }


def test_a_plugin_without_a_path_is_looked_for_on_the_path(tmp_path: Path) -> None:
    assert read(tmp_path, config("a", current="a", exec={"command": "plugin"})).user["exec"] == {
        "command": "plugin"
    }


def test_empty_values_count_as_missing(tmp_path: Path) -> None:
    assert read(tmp_path, config("a", current="a", token="", tokenFile=None)).user == {}


def test_secrets_are_not_shown(tmp_path: Path) -> None:
    found = read(tmp_path, config("a", current="a", password="top-secret"))  # noqa: S106 - nobody's
    assert found.user
    assert "top-secret" not in repr(found)


@pytest.mark.parametrize(
    ("content", "chosen", "reason"),
    [
        ("{", "", "/0 is no kubeconfig: it is not YAML (line 1)"),
        ("users:\n  token: top-secret: x", "", "/0 is no kubeconfig: it is not YAML (line 2)"),
        ("users: 2026-13-45", "", "/0 is no kubeconfig: it is not YAML"),
        ("only words", "", "/0 is no kubeconfig: it has no clusters, users and contexts"),
        ("- a\n- b", "", "/0 is no kubeconfig: it has no clusters, users and contexts"),
        ({"kind": "Pod"}, "", "/0 is no kubeconfig: its kind is Pod"),
        ({"contexts": [{"context": {}}]}, "", "/0 is no kubeconfig: an entry of its contexts has no name"),
        ({"users": "top-secret"}, "", "/0 is no kubeconfig: an entry of its users has no name"),
        (
            {"users": [{"name": "u", "user": "top-secret"}]},
            "",
            "/0 is no kubeconfig: u of its users is malformed",
        ),
        (
            {"users": [{"name": "u", "user": {"exec": "top-secret"}}]},
            "",
            "/0 is no kubeconfig: u of its users is malformed",
        ),
        (
            {"users": [{"name": "u"}, {"name": "u"}]},
            "",
            "/0 has two users that are named u",
        ),
        (config("a"), "", "/0 has no current-context: choose --variable CONTEXT:a"),
        (config("a", current="b"), "", "/0 has no context 'b': choose --variable CONTEXT:a"),
        (config("a", current="a"), "b", "/0 has no context 'b': choose --variable CONTEXT:a"),
        ({}, "b", "/0 has no context 'b': choose another kubeconfig"),
        (
            {**config("a", current="a"), "clusters": []},
            "",
            "context a names cluster 'a', which the kubeconfig does not have",
        ),
        (
            {**config("a", current="a"), "users": None},
            "",
            "context a names user 'a', which the kubeconfig does not have",
        ),
    ],
)
def test_what_cannot_be_used_is_one_sentence(
    tmp_path: Path, content: object, chosen: str, reason: str
) -> None:
    with pytest.raises(KubeconfigError) as wrong:
        read(tmp_path, content, chosen=chosen)
    assert str(wrong.value).removeprefix(str(tmp_path)) == reason


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(KubeconfigError, match=f"^{tmp_path} cannot be read: Is a directory$"):
        read_context("", {"KUBECONFIG": str(tmp_path)})


@pytest.mark.parametrize(
    ("host", "server"), [("10.0.0.1", "https://10.0.0.1:443"), ("fd00::1", "https://[fd00::1]:443")]
)
def test_a_pod_asks_its_own_cluster_by_its_service_account(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str, server: str
) -> None:
    monkeypatch.setattr(kubeconfig, "SERVICE_ACCOUNT", tmp_path)
    environment = {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": "443"}
    assert read_service_account(environment) is None
    (tmp_path / "token").touch()
    assert read_service_account({}) is None
    found = read_service_account(environment)
    assert found
    assert (found.name, found.cluster["server"]) == ("in-cluster", server)
    assert found.user == {"tokenFile": str(tmp_path / "token")}

"""The folders that environment variables name."""

from pathlib import Path

import pytest

from harness.common.cache import cache_folder, folder_from
from harness.common.errors import HarnessError


def test_a_folder_may_be_in_a_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    monkeypatch.setenv("EMBEDDED_CLUSTER_CACHE", "~/cache")
    assert cache_folder() == Path("/home/somebody/cache")
    monkeypatch.setenv("EMBEDDED_CLUSTER_CACHE", "")
    assert folder_from("EMBEDDED_CLUSTER_CACHE", "/var/cache") == Path("/var/cache")


def test_the_home_of_nobody_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMBEDDED_CLUSTER_CACHE", "~of-nobody/cache")
    with pytest.raises(HarnessError, match="for ~of-nobody/cache: name another one in EMBEDDED_CLUSTER_CACH"):
        cache_folder()

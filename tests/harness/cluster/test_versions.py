"""The Go modules' locks and versions.toml say the same."""

import re

import pytest

from harness.cluster.settings import HERE, VERSIONS

LOCKED = [
    ("kubernetes", "k8s.io/kubernetes", "kubernetes"),
    ("kubernetes", "go.etcd.io/etcd/server/v3", "etcd"),
    ("kubernetes", "github.com/coredns/coredns", "coredns"),
    ("kubernetes", "github.com/rancher/local-path-provisioner", "local_path_provisioner"),
    ("gateway", "github.com/traefik/traefik/v3", "traefik"),
    ("gateway", "sigs.k8s.io/gateway-api", "gateway_api"),
]


def locked(module: str, path: str) -> str:
    lock = (HERE / "go" / module / "go.mod").read_text()
    found = re.search(rf"^\s+{re.escape(path)} v(\S+)", lock, re.MULTILINE)
    assert found, f"{module}/go.mod does not require {path}"
    return found[1]


@pytest.mark.parametrize(("module", "path", "name"), LOCKED)
def test_go_module_is_locked_at_the_version(module: str, path: str, name: str) -> None:
    assert locked(module, path) == VERSIONS[name]


@pytest.mark.parametrize(("module", "path", "name"), LOCKED)
def test_lock_has_the_checksum(module: str, path: str, name: str) -> None:
    assert f"{path} v{VERSIONS[name]} h1:" in (HERE / "go" / module / "go.sum").read_text()


def test_kubernetes_libraries_are_of_the_same_release() -> None:
    replaced = re.findall(
        r"^\tk8s\.io/\S+ => k8s\.io/\S+ v(\S+)", (HERE / "go/kubernetes/go.mod").read_text(), re.MULTILINE
    )
    major_and_rest = VERSIONS["kubernetes"].split(".", 1)
    assert set(replaced) == {f"0.{major_and_rest[1]}"}


def test_modules_of_both_locks_have_one_version_so_that_go_compiles_them_once() -> None:
    """The linker's input is found in Go's cache by module and version, with all that it imports."""
    locks = [(HERE / "go" / module / "go.mod").read_text() for module in ("kubernetes", "gateway")]
    kubernetes, gateway = (dict(re.findall(r"^\t(\S+) (v\S+)", lock, re.MULTILINE)) for lock in locks)
    replaced = dict(re.findall(r"^\t(\S+) => \1 (v\S+)$", locks[0], re.MULTILINE))
    both = kubernetes.keys() & gateway.keys()
    assert "k8s.io/client-go" in both
    assert {name: gateway[name] for name in both} == {name: (kubernetes | replaced)[name] for name in both}


def test_kind_runs_the_same_minor_release() -> None:
    assert VERSIONS["kind_node"].rsplit(".", 1)[0] == VERSIONS["kubernetes"].rsplit(".", 1)[0]


def test_go_is_new_enough_for_every_module() -> None:
    have = tuple(int(part) for part in VERSIONS["go"].split("."))
    for lock in HERE.glob("go/*/go.mod"):
        wanted = re.search(r"^go (\S+)$", lock.read_text(), re.MULTILINE)
        assert wanted
        assert have >= tuple(int(part) for part in wanted[1].split("."))

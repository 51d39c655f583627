"""Each refusal is one sentence that says what to do."""

import socket
from pathlib import Path

import pytest

from harness.cluster import preflight
from harness.cluster.__main__ import main
from harness.cluster.settings import Folders
from harness.common.errors import HarnessError

GIB = 1024**3


@pytest.mark.parametrize(
    ("system", "user", "machine", "says"),
    [
        ("Darwin", 0, "arm64", "On Darwin the cluster needs a container engine; start Docker or Podman"),
        ("Linux", 1000, "x86_64", "or run this as root"),
        ("Linux", 0, "riscv64", "not on riscv64; start Docker or Podman"),
    ],
)
def test_unfit_system_is_rejected(system: str, user: int, machine: str, says: str) -> None:
    with pytest.raises(HarnessError, match=says):
        preflight.check_system(system, user, machine)


def test_root_on_linux_is_fine() -> None:
    preflight.check_system("Linux", 0, "x86_64")


def test_little_memory_is_rejected() -> None:
    with pytest.raises(HarnessError, match=r"needs 5\.2 GiB of memory and this machine has 4\.0 GiB"):
        preflight.check_size(4 * GIB, 100 * GIB, Path("/"))


def test_little_disk_is_rejected() -> None:
    with pytest.raises(HarnessError, match=r"needs 15\.0 GiB of disk at /data, where 3\.0 GiB are free"):
        preflight.check_size(16 * GIB, 3 * GIB, Path("/data"))


def test_a_machine_sold_as_six_gigabytes_is_enough() -> None:
    preflight.check_size(int(5.7e9), 15 * GIB, Path("/"))


@pytest.mark.parametrize("listens_at", ["127.0.0.1", "0.0.0.0"])  # noqa: S104 - that is the case to reject
def test_taken_port_is_rejected(listens_at: str) -> None:
    with socket.create_server((listens_at, 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(HarnessError, match=f"Port {port}, which etcd needs at 127.0.0.1, is taken"):
            preflight.check_ports("127.0.0.1", {port: "etcd"})


def test_free_port_is_fine_even_at_an_address_that_is_not_there_yet() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        preflight.check_ports("127.0.0.2", {other.getsockname()[1]: "etcd"})
        preflight.check_ports("192.0.2.1", {other.getsockname()[1]: "etcd"})


def test_a_free_port_is_found_on_a_system_without_linuxs_options(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.system", lambda: "Darwin")
    monkeypatch.setattr(preflight, "IP_FREEBIND", 250)  # no option of any system
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
    preflight.check_ports("127.0.0.1", {port: "the gateway"})


def test_folder_with_other_files_is_rejected_and_a_clusters_own_is_not(tmp_path: Path) -> None:
    folders = Folders(state=tmp_path, cache=tmp_path / "cache")
    preflight.check_folder(folders)
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(HarnessError, match="name an empty folder in EMBEDDED_CLUSTER_STATE"):
        preflight.check_folder(folders)
    folders.provider.write_text("embedded\n")
    preflight.check_folder(folders)


@pytest.mark.parametrize("command", [["kubeconfig"], ["exec", "--", "true"], ["load", "x.tar"]])
def test_command_without_a_cluster_says_so(
    command: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EMBEDDED_CLUSTER_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("EMBEDDED_CLUSTER_CACHE", str(tmp_path / "cache"))
    assert main(command) == 1
    assert capsys.readouterr().err == "Error: There is no cluster; make one with `tox -e cluster -- up`.\n"


def test_folders_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMBEDDED_CLUSTER_STATE", "/somewhere/state")
    monkeypatch.delenv("EMBEDDED_CLUSTER_CACHE", raising=False)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    folders = Folders.from_environment()
    assert folders.kubeconfig == Path("/somewhere/state/kubeconfig")
    assert folders.cache == Path("/var/cache/embedded-cluster")

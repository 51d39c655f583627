"""A process is known by its arguments, not by its number; other processes stay."""

import sys
from pathlib import Path

import pytest

from harness.cluster import cleanup, processes
from harness.cluster.processes import Process
from harness.common.waiting import wait_for

STATE = Path("/var/lib/embedded-cluster")
ETCD = ("/cache/new/etcd", f"--data-dir={STATE}/etcd")


def proc(folder: Path, commands: dict[int, list[str]]) -> Path:
    for pid, arguments in commands.items():
        (folder / str(pid)).mkdir()
        (folder / str(pid) / "cmdline").write_bytes(
            b"".join(f"{argument}\0".encode() for argument in arguments)
        )
    (folder / "self").mkdir()
    return folder


def test_kernel_threads_and_zombies_are_not_running(tmp_path: Path) -> None:
    assert processes.running(proc(tmp_path, {1: ["init"], 2: []})) == [Process(1, ("init",))]


def test_empty_argument_at_the_end_is_kept(tmp_path: Path) -> None:
    assert processes.running(proc(tmp_path, {7: ["sh", ""]})) == [Process(7, ("sh", ""))]


def test_number_of_another_process_is_not_the_clusters(tmp_path: Path) -> None:
    among = processes.running(proc(tmp_path, {4711: ["/usr/bin/vim", "thesis.txt"]}))
    assert processes.find(ETCD, among) is None


def test_process_with_other_arguments_has_to_make_way() -> None:
    old = Process(5, ("/cache/old/etcd", f"--data-dir={STATE}/etcd"))
    assert processes.find(ETCD, [old]) is None
    assert processes.mentioning(STATE, ["etcd"], [old]) == [old]


@pytest.mark.parametrize(
    "arguments",
    [
        ("/usr/bin/containerd",),
        ("/usr/bin/containerd", "--config=/etc/containerd/config.toml"),
        ("/usr/bin/containerd", f"--config={STATE}-of-another/containerd.toml"),
        ("/usr/bin/less", f"{STATE}/containerd.toml"),
        (f"{STATE}/bin/containerd",),
    ],
)
def test_process_without_the_state_folder_is_not_the_clusters(arguments: tuple[str, ...]) -> None:
    assert processes.mentioning(STATE, ["containerd"], [Process(5, arguments)]) == []


def test_shim_is_known_by_the_socket_it_serves() -> None:
    shim = Process(9, (f"/usr/bin/{cleanup.SHIM}", "-id", "abc", "-address", f"{STATE}/run/containerd.sock"))
    assert processes.mentioning(STATE, [cleanup.SHIM], [shim]) == [shim]


def test_started_process_is_found_logs_and_ends(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-c",
        "import signal; print('ready', flush=True); signal.pause()",
        str(tmp_path),
    ]
    log = tmp_path / "log" / "one.log"
    for _ in range(2):
        processes.start(command, log)
        found = processes.find(command, processes.running())
        assert found
        assert processes.mentioning(tmp_path, [found.name], processes.running()) == [found]
        wait_for(lambda: log.read_text() == "ready\n", 10, "Nothing in the log")
        processes.kill([found.pid])
        assert processes.find(command, processes.running()) is None
    assert log.with_name("one.log.1").read_text() == "ready\n"


def test_killing_what_is_gone_is_no_error() -> None:
    processes.kill([2**22 + 1])

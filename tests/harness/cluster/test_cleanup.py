"""`down` finds all that is ours and nothing else."""

from pathlib import Path

from harness.cluster import cleanup, network

MOUNTS = """\
proc /proc proc rw 0 0
overlay /state/run/rootfs overlay rw 0 0
tmpfs /state/kubelet/pods/1/volumes/token tmpfs rw 0 0
/dev/vda /state/kubelet ext4 rw 0 0
/dev/vda /state/with\\040space ext4 rw 0 0
/dev/vda /state-of-another ext4 rw 0 0
"""


def test_mounts_are_found_deepest_first() -> None:
    assert cleanup.mounts_below(Path("/state"), MOUNTS) == [
        "/state/kubelet/pods/1/volumes/token",
        "/state/run/rootfs",
        "/state/kubelet",
        "/state/with space",
    ]


def test_a_mount_point_itself_counts() -> None:
    assert cleanup.mounts_below(Path("/state/kubelet"), MOUNTS)[-1] == "/state/kubelet"


def cgroup(top: Path, pid: int) -> None:
    top.mkdir(parents=True)
    (top / "cgroup.procs").write_text(f"{pid}\n")


def test_only_processes_of_our_containers_are_found(tmp_path: Path) -> None:
    cgroup(tmp_path / "memory/kubepods/burstable/pod1/ours", 11)
    cgroup(tmp_path / "cpu/kubepods/burstable/pod1/ours/nested", 12)
    cgroup(tmp_path / "memory/kubepods/burstable/pod2/of-another-kubelet", 13)
    cgroup(tmp_path / "memory/system.slice/ours", 14)
    assert cleanup.pod_processes({"ours"}, tmp_path) == {11, 12}


def test_cgroups_version_2_are_found_too(tmp_path: Path) -> None:
    cgroup(tmp_path / "kubepods/besteffort/pod1/ours", 11)
    assert cleanup.pod_processes({"ours"}, tmp_path) == {11}


def test_no_container_no_process(tmp_path: Path) -> None:
    cgroup(tmp_path / "kubepods/besteffort/pod1/ours", 11)
    assert cleanup.pod_processes(set(), tmp_path) == set()


LISTING = """\
-P INPUT ACCEPT
-P FORWARD DROP
-N DOCKER-USER
-A FORWARD -j DOCKER-USER
-A FORWARD -i ec-pods -m comment --comment embedded-cluster -j ACCEPT
-A FORWARD -o ec-pods -m comment --comment "embedded-cluster" -j ACCEPT
-A FORWARD -m comment --comment embedded-cluster-of-another -j ACCEPT
-A CNI-FORWARD -m comment --comment "CNI firewall plugin rules" -j CNI-ADMIN
"""


def test_only_our_firewall_rules_are_taken_away() -> None:
    end = ["-m", "comment", "--comment", "embedded-cluster", "-j", "ACCEPT"]
    assert network.our_rules(LISTING) == [
        ["FORWARD", "-i", "ec-pods", *end],
        ["FORWARD", "-o", "ec-pods", *end],
    ]


def test_accepting_firewall_gets_no_rule() -> None:
    assert network.firewall_rules({"INPUT": "-P INPUT ACCEPT", "FORWARD": "-P FORWARD ACCEPT"}) == []


def test_dropping_firewall_gets_rules_once() -> None:
    rules = network.firewall_rules({"INPUT": "-P INPUT DROP", "FORWARD": "-P FORWARD DROP"})
    assert [rule[:3] for rule in rules] == [
        ["INPUT", "-i", "ec-pods"],
        ["FORWARD", "-i", "ec-pods"],
        ["FORWARD", "-o", "ec-pods"],
    ]
    assert network.firewall_rules({"FORWARD": LISTING}) == []


def test_name_servers_on_loopback_are_of_no_use_to_pods(tmp_path: Path) -> None:
    stub, real = tmp_path / "stub", tmp_path / "real"
    stub.write_text("# systemd-resolved\nnameserver 127.0.0.53\n")
    real.write_text("nameserver 192.0.2.53\n")
    assert network.resolv_conf((stub, real)) == real
    assert network.resolv_conf((real, stub)) == real
    assert network.resolv_conf((stub, tmp_path / "missing")) == stub

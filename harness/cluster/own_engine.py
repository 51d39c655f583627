"""A Docker engine of our own for a machine that has none: its programs come from Debian's packages.

Docker is not installed: its packages are unpacked into a folder, which also has the data and the socket. Of
what it runs with, the packages that the embedded cluster has too are installed where they are missing, and
stay. The engine sets no rule of iptables, so that whatever else uses this machine's network is not disturbed.
`stop` leaves nothing behind.
"""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import signal
import subprocess
import tarfile
from pathlib import Path

from harness.cluster import filtered_runc, network
from harness.cluster.build import install_missing_packages
from harness.cluster.settings import Folders
from harness.common.commands import read_output, run_logged, succeeds
from harness.common.debian_packages import APT_LIMIT
from harness.common.errors import HarnessError
from harness.common.waiting import wait_for

PYTHON = "/usr/bin/python3"
ADDRESSES = "10.242.0.0/16"  # of the engine's networks
TABLE = "own-engine"  # of nftables
CGROUP = "own-engine"
CGROUPS = Path("/sys/fs/cgroup")
COMMAND_LIMIT = 60.0  # seconds
START_LIMIT = 60.0
STOP_LIMIT = 120.0
REMOVE_LIMIT = 600.0  # three nodes with the stack's images took 4 minutes
MASQUERADE = f"""
table ip {TABLE}
delete table ip {TABLE}
table ip {TABLE} {{
  chain postrouting {{
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr {ADDRESSES} ip daddr != {{ {ADDRESSES}, 224.0.0.0/4 }} masquerade
  }}
}}
"""


class OwnEngine:
    """Docker in a folder."""

    def __init__(self, folder: Path, log: Path) -> None:
        """Name the folder, which must not exist yet, and the log, which stays; touch nothing."""
        self.folder = folder
        self.log = log
        self._begun = False
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        """What lets `docker` and kind find this engine."""
        programs = [str(self.folder / "programs" / name) for name in ("usr/bin", "usr/sbin")]
        return {
            "DOCKER_HOST": f"unix://{self.folder}/docker.sock",
            "PATH": os.pathsep.join([*programs, os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"]),
        }

    def start(self) -> None:
        """Unpack, start and try the engine.

        Raises HarnessError with the reason where none can be had here.
        """
        if platform.system() != "Linux" or os.geteuid() != 0:
            raise HarnessError("only root on Linux can start one")
        if self.folder.exists():
            raise HarnessError(f"{self.folder} is there: another run has one, or was killed; then remove it")
        self.folder.mkdir(parents=True)
        self._begun = True
        install_missing_packages(Folders(state=self.folder, cache=self.folder))
        if missing := [name for name in ("nft", "iptables", PYTHON) if not shutil.which(name)]:
            raise HarnessError(f"this machine lacks {', '.join(missing)}")
        self._unpack()
        network.remember_sysctls(self.folder / "sysctls.json")
        network.sysctl("net/ipv4/ip_forward").write_text("1")
        read_output(["nft", "-f", "-"], "the kernel refuses its network", text=MASQUERADE)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **self.environment},
                start_new_session=True,
            )
        wait_for(self._answers, START_LIMIT, "Docker did not start", self.log)
        self._try()

    def _unpack(self) -> None:
        """Download Docker's package, and those that it needs and this machine lacks."""
        archives = self.folder / "packages"
        archives.mkdir()
        run_logged(["apt-get", "-q", "update"], self.log, "apt-get update failed", APT_LIMIT)
        wanted = ["docker.io"]
        if succeeds(["apt-cache", "show", "docker-cli"], COMMAND_LIMIT):  # since Debian 13
            wanted.append("docker-cli")
        simulated = ["apt-get", "install", "--simulate", "--no-install-recommends", *wanted]
        lines = read_output(simulated, "Debian has no package docker.io for this machine").splitlines()
        missing = {line.split()[1] for line in lines if line.startswith("Inst ")}
        download = ["apt-get", "-q", "download", *sorted({*wanted, *missing})]
        run_logged(download, self.log, "The package docker.io cannot be had", APT_LIMIT, folder=archives)
        for archive in archives.glob("*.deb"):
            unpack = ["dpkg-deb", "--extract", str(archive), str(self.folder / "programs")]
            read_output(unpack, f"{archive.name} cannot be unpacked")

    def _command(self) -> list[str]:
        command = [
            *("dockerd", f"--host=unix://{self.folder}/docker.sock", f"--pidfile={self.folder}/docker.pid"),
            *(f"--data-root={self.folder}/data", f"--exec-root={self.folder}/run"),
            *("--bridge=none", "--iptables=false", "--ip-forward=false", f"--cgroup-parent=/{CGROUP}"),
            f"--default-address-pool=base={ADDRESSES},size=24",
        ]
        if filtered_runc.lacks_capabilities():
            program = self.folder / "filtered-runc"
            source = Path(filtered_runc.__file__).read_text()
            program.write_text(f"#!{PYTHON}\n{source}")
            program.chmod(0o755)
            command += [f"--add-runtime=filtered={program}", "--default-runtime=filtered"]
        return command

    def _answers(self) -> bool:
        if self._process and self._process.poll() is not None:
            raise HarnessError("Docker ended by itself", self.log)
        return succeeds(["docker", "info"], COMMAND_LIMIT, self._whole_environment)

    def _try(self) -> None:
        """Run a privileged container with an init, as kind's nodes are."""
        archive = self.folder / "tini.tar"
        with tarfile.open(archive, "w") as tar:
            tar.add(shutil.which("tini-static", path=self.environment["PATH"]) or "tini-static", "init")
        image, options = "localhost/init:1", ["--rm", "--privileged", "--cgroupns=private", "--tmpfs=/run"]
        for command in (
            ["import", str(archive), image],
            ["run", *options, "--network=none", image, "/init", "--", "/init", "--version"],
            ["image", "rm", image],
        ):
            failure = f"its containers do not run: docker {command[0]}"
            read_output(["docker", *command], failure, environment=self._whole_environment)

    @property
    def _whole_environment(self) -> dict[str, str]:
        return {**os.environ, **self.environment}

    def stop(self) -> None:
        """End the engine, and remove its containers, its folder and all that it changed on this machine.

        Raises HarnessError when it does not end.
        """
        if not self._begun:
            return
        if self._process and self._process.poll() is None:
            self._remove_containers_and_networks()
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(STOP_LIMIT)
            except subprocess.TimeoutExpired as late:
                raise HarnessError(f"Docker (process {self._process.pid}) does not end", self.log) from late
        if shutil.which("nft"):
            succeeds(["nft", "delete", "table", "ip", TABLE], COMMAND_LIMIT)
        network.restore_sysctls(self.folder / "sysctls.json")
        for folder in sorted(CGROUPS.glob(f"**/{CGROUP}/**/"), reverse=True):
            with contextlib.suppress(OSError):
                folder.rmdir()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _remove_containers_and_networks(self) -> None:
        environment = self._whole_environment
        containers = read_output(["docker", "ps", "-aq"], "Docker does not answer", environment=environment)
        if containers:
            succeeds(["docker", "rm", "-fv", *containers.split()], REMOVE_LIMIT, environment)
        succeeds(["docker", "network", "prune", "--force"], STOP_LIMIT, environment)

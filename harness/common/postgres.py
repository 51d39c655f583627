"""A PostgreSQL server on this machine, from Debian's package: for stand-ins, tests and measurements."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import trustme

from harness.common.at_the_end import run_at_the_end
from harness.common.commands import OUTPUT_LIMIT, read_output
from harness.common.errors import HarnessError

DEBIAN = Path("/usr/lib/postgresql")  # a folder for each version
ADMINISTRATOR = "steward"
START_LIMIT = 120  # seconds; the disk may be busy


@dataclass(frozen=True)
class Server:
    """A PostgreSQL on this machine: its folder, where it listens, and the folder of its programs."""

    folder: Path
    address: str
    port: int
    programs: Path

    def start(self, password: str, certificate: trustme.LeafCert) -> None:
        """Make an empty database cluster with the administrator and start it.

        Raises HarnessError when PostgreSQL does not start.
        """
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(mode=0o700, parents=True)
        self._write_files(certificate)
        data, here = str(self.folder / "data"), str(self.folder)
        self.run("initdb", "-D", data, "-U", "postgres", "-A", "scram-sha-256", f"--pwfile={here}/superuser")
        settings = {
            "listen_addresses": self.address,
            "port": self.port,
            "unix_socket_directories": here,
            "hba_file": f"{here}/hba.conf",
            "ssl": "on",
            "ssl_cert_file": f"{here}/server.crt",
            "ssl_key_file": f"{here}/server.key",
        }
        options = " ".join(f"-c {key}={value}" for key, value in settings.items())
        self.run(
            "pg_ctl", "-D", data, "-l", f"{here}/log", "-w", "-t", str(START_LIMIT), "-o", options, "start"
        )
        self.query(f"CREATE ROLE {ADMINISTRATOR} LOGIN CREATEROLE CREATEDB PASSWORD '{password}'")

    @contextlib.contextmanager
    def running(self, password: str, certificate: trustme.LeafCert) -> Iterator[None]:
        """Start it, and stop it and remove its folder when the `with` ends, or this process is killed before.

        Raises HarnessError when PostgreSQL does not start.
        """
        stop = self._command("pg_ctl", "-D", str(self.folder / "data"), "-m", "immediate", "-w", "stop")
        with run_at_the_end(["sh", "-c", '"$@"; rm -rf "$0"', self.folder, *stop]):
            self.start(password, certificate)
            yield

    def query(self, statement: str, database: str = "postgres", limit: float = OUTPUT_LIMIT) -> str:
        """Return what the superuser gets for statements, a row a line; they go in on standard input.

        Raises HarnessError when the server does not answer within `limit` seconds, or rejects one.
        """
        password = (self.folder / "superuser").read_text()
        place = ["-h", str(self.folder), "-p", str(self.port), "-U", "postgres"]
        options = [*place, "-d", database, "-Atq", "-v", "ON_ERROR_STOP=1"]
        return self.run("psql", *options, text=statement, environment={"PGPASSWORD": password}, limit=limit)

    def stop(self) -> None:
        """Stop it, if it runs, and remove its folder."""
        if (self.folder / "data" / "postmaster.pid").exists():
            with contextlib.suppress(HarnessError):  # a server that is gone has left its file
                self.run("pg_ctl", "-D", str(self.folder / "data"), "-m", "fast", "-w", "stop")
        shutil.rmtree(self.folder, ignore_errors=True)

    def run(
        self,
        program: str,
        *arguments: str,
        text: str = "",
        environment: dict[str, str] | None = None,
        limit: float = OUTPUT_LIMIT,
    ) -> str:
        """Return what one of PostgreSQL's programs prints; raise HarnessError when it fails."""
        return read_output(
            self._command(program, *arguments),
            f"PostgreSQL's {program} failed",
            text=text,
            limit=limit,
            environment=environment,
            folder=Path("/"),
        )

    def _command(self, program: str, *arguments: str) -> list[str]:
        # PostgreSQL does not start as root; Debian's package made a user for it.
        user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        return [*user, str(self.programs / program), *arguments]

    def _write_files(self, certificate: trustme.LeafCert) -> None:
        files = {
            "server.crt": b"".join(pem.bytes() for pem in certificate.cert_chain_pems),
            "server.key": certificate.private_key_pem.bytes(),
            "superuser": secrets.token_urlsafe(32).encode(),
            "hba.conf": b"local all all scram-sha-256\nhostssl all all all scram-sha-256\n",
        }
        for name, content in files.items():
            (self.folder / name).touch(mode=0o600)
            (self.folder / name).write_bytes(content)
        if os.geteuid() == 0:
            for path in (self.folder, *self.folder.iterdir()):
                shutil.chown(path, "postgres", "postgres")


def find_programs() -> Path:
    """Return the folder of Debian's newest PostgreSQL. Raises HarnessError where there is none."""
    found = sorted(DEBIAN.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if not found:
        raise HarnessError("Install PostgreSQL first: apt-get install postgresql.")
    return found[-1].parent

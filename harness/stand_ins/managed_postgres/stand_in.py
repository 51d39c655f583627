"""Stands in for a managed PostgreSQL: `python -m tests.managed_postgres.stand_in up|env|down`.

It is Debian's PostgreSQL on this machine, outside the cluster: TLS only, a certificate of its own authority
for the name of its Service, and an administrator who is no superuser. `up` also makes what a user would,
Secret managed-postgres. One that is up and believed is left as it is; `down` leaves nothing.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import trustme

STATE = Path("/var/tmp/managed-postgres-stand-in")  # noqa: S108 - made anew, for its user only
ADMINISTRATOR = "steward"
NAMESPACE, SERVICE, PORT = "managed-postgres", "database", 5432
NAME = f"{SERVICE}.{NAMESPACE}.svc"
STACK_NAMESPACE, SECRET = "kagenti-system", "managed-postgres"
OWN_PORT = 54329  # on this machine, where 5432 may be taken
BELIEVED = "believed"  # a file that says that `up` was not asked for something wrong
START_LIMIT = 30
SESSIONS = """
SELECT usename, datname, ssl, version, count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
 WHERE client_addr IS NOT NULL GROUP BY 1, 2, 3, 4 ORDER BY 1;
"""


class StandInError(Exception):
    """The stand-in cannot be made; the message says what to do."""


@dataclass(frozen=True)
class Server:
    """A PostgreSQL on this machine: its folder, where it listens, and the folder of its programs."""

    folder: Path
    address: str
    port: int
    programs: Path

    def start(self, password: str, certificate: trustme.LeafCert) -> None:
        """Make an empty database cluster with the administrator and start it.

        Raises StandInError when PostgreSQL does not take it.
        """
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(mode=0o700, parents=True)
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
        self.ask(f"CREATE ROLE {ADMINISTRATOR} LOGIN CREATEROLE CREATEDB PASSWORD '{password}'")

    def ask(self, statement: str) -> str:
        """Return what the superuser gets for a statement, a row a line; it goes in on standard input."""
        password = (self.folder / "superuser").read_text()
        place = ["-h", str(self.folder), "-p", str(self.port), "-U", "postgres"]
        environment = {"PGPASSWORD": password}
        return self.run(
            "psql", *place, "-At", "-v", "ON_ERROR_STOP=1", text=statement, environment=environment
        )

    def stop(self) -> None:
        """Stop it, if it runs, and remove its folder."""
        if (self.folder / "data" / "postmaster.pid").exists():
            with contextlib.suppress(StandInError):
                self.run("pg_ctl", "-D", str(self.folder / "data"), "-m", "fast", "-w", "stop")
        shutil.rmtree(self.folder, ignore_errors=True)

    def run(
        self, program: str, *arguments: str, text: str = "", environment: dict[str, str] | None = None
    ) -> str:
        """Return what one of PostgreSQL's programs prints; raise StandInError when it fails."""
        # PostgreSQL does not start as root; Debian's package made a user for it.
        user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        command = [*user, str(self.programs / program), *arguments]
        return run(command, text, {**os.environ, **(environment or {})})


def run(command: Sequence[str], text: str = "", environment: dict[str, str] | None = None) -> str:
    """Return what a command prints; raise StandInError with what it says when it fails."""
    with contextlib.suppress(FileNotFoundError):
        done = subprocess.run(
            command, input=text, capture_output=True, text=True, check=False, env=environment, cwd="/"
        )
        if done.returncode:
            raise StandInError(
                f"{' '.join(command[:2])} failed: {(done.stderr or done.stdout).strip()[-500:]}"
            )
        return done.stdout
    raise StandInError(f"Install {command[0]}: it is not on PATH.")


def find_programs() -> Path:
    """Return the folder of Debian's newest PostgreSQL. Raises StandInError where there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if not found:
        raise StandInError("Install PostgreSQL first: apt-get install postgresql.")
    return found[-1].parent


def kubectl(*arguments: str, objects: Sequence[dict[str, object]] = ()) -> str:
    """Run kubectl in the current context; the objects go in on standard input."""
    return run(["kubectl", *arguments], "\n".join(f"---\n{json.dumps(each)}" for each in objects))


def node_address() -> str:
    """Return the address by which pods reach this machine."""
    return kubectl(
        "get", "nodes", "-o", "jsonpath={.items[0].status.addresses[?(@.type=='InternalIP')].address}"
    )


def cluster_objects(address: str, password: str, authority: str) -> list[dict[str, object]]:
    """Return what leads to the stand-in, and the Secret that tells the stack of it."""
    metadata = {"name": SERVICE, "namespace": NAMESPACE}
    labels = {"kubernetes.io/service-name": SERVICE}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": metadata,
            "spec": {"ports": [{"name": "postgres", "port": PORT, "targetPort": OWN_PORT}]},
        },
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {**metadata, "labels": labels},
            "addressType": "IPv4",
            "ports": [{"name": "postgres", "port": OWN_PORT, "protocol": "TCP"}],
            "endpoints": [{"addresses": [address]}],
        },
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": SECRET, "namespace": STACK_NAMESPACE},
            "stringData": {
                "host": NAME,
                "port": str(PORT),
                "username": ADMINISTRATOR,
                "password": password,
                "ca.crt": authority,
            },
        },
    ]


def is_believed(server: Server) -> bool:
    """Say whether the stand-in runs with a certificate that the stack's Secret lets it believe."""
    with contextlib.suppress(StandInError, OSError):
        server.ask("SELECT")
        kubectl("get", "secret", SECRET, "--namespace", STACK_NAMESPACE)
        return (STATE / BELIEVED).exists()
    return False


def up(wrong: str | None) -> None:
    """Start the stand-in and tell the cluster; a `wrong` authority or host makes it not believed."""
    server = Server(STATE, node_address(), OWN_PORT, find_programs())
    if not wrong and is_believed(server):
        print(f"{NAME}:{PORT} is up already.")
        return
    server.stop()
    authority, other = trustme.CA(), trustme.CA()
    host = "another.example" if wrong == "host" else NAME
    password = secrets.token_urlsafe(32)
    server.start(password, authority.issue_cert(host))
    told = (other if wrong == "authority" else authority).cert_pem.bytes().decode()
    kubectl("apply", "-f", "-", objects=cluster_objects(server.address, password, told))
    if not wrong:
        (STATE / BELIEVED).touch()
    version = server.ask("SHOW server_version").strip()
    print(f"PostgreSQL {version} at {server.address}:{OWN_PORT} is {NAME}:{PORT}.")


def down() -> None:
    """Stop the stand-in and remove what `up` made, here and in the cluster."""
    Server(STATE, "", OWN_PORT, find_programs()).stop()
    kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found")
    kubectl("delete", "secret", SECRET, "--namespace", STACK_NAMESPACE, "--ignore-not-found")


def main() -> int:
    """Do what the command line says; return 0 when it is done."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    starting = commands.add_parser("up")
    starting.add_argument(
        "--wrong", choices=("authority", "host"), help="let its certificate not be believed"
    )
    commands.add_parser("env", help="print what the suites must know: nothing")
    commands.add_parser("down")
    commands.add_parser("sessions", help="say who is connected, and by which TLS")
    arguments = parser.parse_args()
    try:
        if arguments.command == "up":
            up(arguments.wrong)
        elif arguments.command == "down":
            down()
        elif arguments.command == "sessions":
            server = Server(STATE, "", OWN_PORT, find_programs())
            print(server.ask(SESSIONS), end="")
    except StandInError as error:
        print(f"stand-in: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

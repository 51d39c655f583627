"""Plays a managed PostgreSQL: Debian's, on this machine, outside the cluster.

It speaks TLS only, with a certificate of its own authority for the name of its Service, and its administrator
is no superuser. `up` also makes what a user would: Secret managed-postgres.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path

import trustme

from harness.common.commands import read_output
from harness.common.errors import HarnessError
from harness.common.kubectl import Object, ensure_namespace, find, kubectl
from harness.common.progress import say
from harness.stand_ins.stand_in import StandIn

DEBIAN = Path("/usr/lib/postgresql")  # a folder for each version
STATE = Path("/var/tmp/managed-postgres-stand-in")  # noqa: S108 - made anew, for its user only
ADMINISTRATOR = "steward"
NAMESPACE, SERVICE, PORT = "managed-postgres", "database", 5432
NAME = f"{SERVICE}.{NAMESPACE}.svc"
STACK_NAMESPACE, SECRET = "kagenti-system", "managed-postgres"
OWN_PORT = 54329  # on this machine, where 5432 may be taken
START_LIMIT = 30  # seconds


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

    def query(self, statement: str) -> str:
        """Return what the superuser gets for a statement, a row a line; it goes in on standard input.

        Raises HarnessError when the server does not answer, or rejects it.
        """
        password = (self.folder / "superuser").read_text()
        place = ["-h", str(self.folder), "-p", str(self.port), "-U", "postgres"]
        options = [*place, "-At", "-v", "ON_ERROR_STOP=1"]
        return self.run("psql", *options, text=statement, environment={"PGPASSWORD": password})

    def stop(self) -> None:
        """Stop it, if it runs, and remove its folder."""
        if (self.folder / "data" / "postmaster.pid").exists():
            with contextlib.suppress(HarnessError):  # a server that is gone has left its file
                self.run("pg_ctl", "-D", str(self.folder / "data"), "-m", "fast", "-w", "stop")
        shutil.rmtree(self.folder, ignore_errors=True)

    def run(
        self, program: str, *arguments: str, text: str = "", environment: dict[str, str] | None = None
    ) -> str:
        """Return what one of PostgreSQL's programs prints; raise HarnessError when it fails."""
        # PostgreSQL does not start as root; Debian's package made a user for it.
        user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        command = [*user, str(self.programs / program), *arguments]
        return read_output(
            command, f"PostgreSQL's {program} failed", text=text, environment=environment, folder=Path("/")
        )

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


def node_address() -> str:
    """Return the address by which pods reach this machine."""
    path = "{.items[0].status.addresses[?(@.type=='InternalIP')].address}"
    return kubectl("get", "nodes", "-o", f"jsonpath={path}")


def cluster_objects(address: str, password: str, authority: str) -> list[Object]:
    """Return what leads to the stand-in, and the Secret by which the stack finds it."""
    metadata = {"name": SERVICE, "namespace": NAMESPACE}
    labels = {"kubernetes.io/service-name": SERVICE}
    return [
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


def is_up(server: Server) -> bool:
    """Return whether the server answers and the stack's Secret is there."""
    with contextlib.suppress(HarnessError, OSError):
        server.query("SELECT")
        return find(kubectl, "secret", SECRET, "--namespace", STACK_NAMESPACE) is not None
    return False


def up() -> None:
    """Start the server, and make what leads to it; leave alone what is up already.

    Raises HarnessError where PostgreSQL is not installed, and when it does not start.
    """
    server = Server(STATE, node_address(), OWN_PORT, find_programs())
    if is_up(server):
        say(f"PostgreSQL is up already: {NAME}:{PORT}.")
        return
    server.stop()
    authority, password = trustme.CA(), secrets.token_urlsafe(32)
    server.start(password, authority.issue_cert(NAME))
    for namespace in (NAMESPACE, STACK_NAMESPACE):
        ensure_namespace(kubectl, namespace)
    objects = cluster_objects(server.address, password, authority.cert_pem.bytes().decode())
    kubectl("apply", "--filename=-", text="\n---\n".join(json.dumps(each) for each in objects))
    version = server.query("SHOW server_version").strip()
    say(f"PostgreSQL {version} at {server.address}:{OWN_PORT} is {NAME}:{PORT}.")


def down() -> None:
    """Stop the server and remove what `up` made, here and in the cluster; the stack's namespace stays."""
    Server(STATE, "", OWN_PORT, find_programs()).stop()
    kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found")
    kubectl("delete", "secret", SECRET, "--namespace", STACK_NAMESPACE, "--ignore-not-found")


def environment() -> dict[str, str]:
    """Return nothing: the suites ask MLflow, which finds its database by the Secret."""
    return {}


STAND_IN = StandIn("managed_postgres", up, down, environment)

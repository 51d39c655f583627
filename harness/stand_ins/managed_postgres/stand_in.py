"""Plays a managed PostgreSQL: Debian's, on this machine, outside the cluster.

It speaks TLS only, with a certificate of its own authority for the name of its Service, and its administrator
is no superuser. `up` also makes what a user would: Secret managed-postgres.
"""

from __future__ import annotations

import contextlib
import json
import secrets
from pathlib import Path

import trustme

from harness.common.errors import HarnessError
from harness.common.kubectl import Object, ensure_namespace, find, kubectl
from harness.common.postgres import ADMINISTRATOR, Server, find_programs
from harness.common.progress import say
from harness.stand_ins.stand_in import StandIn

STATE = Path("/var/tmp/managed-postgres-stand-in")  # noqa: S108 - made anew, for its user only
NAMESPACE, SERVICE, PORT = "managed-postgres", "database", 5432
NAME = f"{SERVICE}.{NAMESPACE}.svc"
STACK_NAMESPACE, SECRET = "kagenti-system", "managed-postgres"
OWN_PORT = 54329  # on this machine, where 5432 may be taken


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

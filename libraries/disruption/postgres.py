"""Makes PostgreSQL read-only, as it is after a failover, and writable again."""

from __future__ import annotations

from robot.api import logger
from robot.api.deco import keyword, library

from kube.client import ClusterError
from kube.model import Object
from kube.pods import Pods

# psql with the login of PostgreSQL's container. Its own session may write.
PSQL = (
    "PGPASSWORD=$POSTGRES_PASSWORD PGOPTIONS='-c default_transaction_read_only=off' psql"
    " --host=127.0.0.1 --username=$POSTGRES_USER --dbname=postgres --no-align --tuples-only"
)


@library(scope="GLOBAL")
class PostgreSQL:
    """Changes one setting of the stack's PostgreSQL. Only suites in robot/resilience use it."""

    def __init__(self, pods: Pods | None = None) -> None:
        """Ask these pods."""
        self._pods = pods or Pods()

    @keyword(name="Set PostgreSQL Read-Only")
    def set_read_only(self, pod: Object, read_only: bool) -> None:
        """Have PostgreSQL reject writes, or take them again, in transactions that begin from now on.

        Raises ClusterError where PostgreSQL does not do it.
        """
        value = "on" if read_only else "off"
        self._run(pod, f"ALTER SYSTEM SET default_transaction_read_only = {value}", "ALTER SYSTEM")
        self._run(pod, "SELECT pg_reload_conf()", "t")
        logger.info(f"Done: PostgreSQL's default_transaction_read_only is {value}.")

    def _run(self, pod: Object, statement: str, expected: str) -> None:
        """Run a statement as the administrator; raise ClusterError unless psql prints what is expected."""
        container = pod["spec"]["containers"][0]["name"]
        command = ["bash", "-c", f'{PSQL} --command="{statement}"']
        printed = self._pods.run_in_pod(pod, container, command).strip()
        if printed != expected:
            raise ClusterError(f"PostgreSQL in pod {pod['metadata']['name']} rejects {statement}: {printed}")

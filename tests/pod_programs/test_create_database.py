"""create-database.sh on a managed PostgreSQL: by TLS, as an administrator who is no superuser."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme

from harness.common.postgres import ADMINISTRATOR
from tests.pod_programs.managed import Managed

SCRIPT = Path(__file__).parents[2] / "kustomize" / "base" / "scripts" / "create-database.sh"
ROLE, PASSWORD = "mlflow", 'it\'s "secret" \\ and long'


@pytest.fixture
def create(managed: Managed, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a function that runs the script as its container does, with changed environment variables."""
    authority = tmp_path / "ca.crt"
    managed.authority.cert_pem.write_to_path(authority)

    def run(**changed: str | None) -> subprocess.CompletedProcess[str]:
        environment: dict[str, str | None] = {
            "PATH": f"{managed.server.programs}:/usr/bin:/bin",
            "PGHOST": "localhost",
            "PGPORT": str(managed.server.port),
            "PGUSER": ADMINISTRATOR,
            "PGPASSWORD": managed.password,
            "PGSSLMODE": "verify-full",
            "PGSSLROOTCERT": str(authority),
            "ROLE": ROLE,
            "ROLE_PASSWORD": PASSWORD,
        }
        return subprocess.run(
            ["bash", SCRIPT],
            env={name: value for name, value in (environment | changed).items() if value is not None},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            start_new_session=True,  # without a terminal, as in a pod
        )

    return run


Create = Callable[..., subprocess.CompletedProcess[str]]


def log_in(managed: Managed, password: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("psql", path=str(managed.server.programs))
    assert program
    environment = {"PGPASSWORD": password, "PGSSLMODE": "require"}
    place = ["-h", "127.0.0.1", "-p", str(managed.server.port), "-U", ROLE, "-d", ROLE]
    command = [program, *place, "-Atc", "CREATE TABLE IF NOT EXISTS own (); SELECT current_user"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_role_and_database_are_created_once_and_the_password_follows_the_secret(
    managed: Managed, create: Create
) -> None:
    for password in (PASSWORD, PASSWORD, "another one"):
        done = create(ROLE_PASSWORD=password)
        assert done.returncode == 0, done.stderr
        assert log_in(managed, password).stdout.splitlines()[-1] == ROLE
    assert log_in(managed, PASSWORD).returncode != 0
    assert managed.server.query("SELECT rolname FROM pg_roles WHERE rolsuper") == "postgres\n"
    assert "f" in managed.server.query("SELECT has_database_privilege('public', 'mlflow', 'CONNECT')")


def test_without_a_role_the_connected_user_owns_the_database(managed: Managed, create: Create) -> None:
    for _ in range(2):
        done = create(ROLE=None, ROLE_PASSWORD=None, DATABASE="own")
        assert done.returncode == 0, done.stderr
    owner = "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'own'"
    assert managed.server.query(owner).strip() == ADMINISTRATOR


def test_the_password_is_in_no_statement(managed: Managed, create: Create) -> None:
    managed.server.query("ALTER SYSTEM SET log_statement = 'all'; SELECT pg_reload_conf()")
    assert create().returncode == 0
    log = (managed.server.folder / "log").read_text()
    assert "ALTER USER" in log
    assert "secret" not in log


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"PGHOST": "127.0.0.1"}, 'server certificate for "localhost" does not match host name "127.0.0.1"'),
        ({"PGPASSWORD": "wrong"}, "password authentication failed"),
        ({"PGSSLMODE": "disable"}, "no pg_hba.conf entry"),
        ({"PGDATABASE": "none"}, 'database "none" does not exist'),
    ],
)
def test_a_permanent_error_ends_the_script_at_once(
    changed: dict[str, str], error: str, create: Create
) -> None:
    done = create(**changed)
    assert done.returncode == 1
    assert error in done.stderr


def test_a_certificate_of_another_authority_is_rejected(create: Create, tmp_path: Path) -> None:
    other = tmp_path / "other.crt"
    trustme.CA().cert_pem.write_to_path(other)
    done = create(PGSSLROOTCERT=str(other))
    assert done.returncode == 1
    assert "certificate verify failed" in done.stderr

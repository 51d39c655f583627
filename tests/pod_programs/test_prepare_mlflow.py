"""MLflow's database is not migrated under servers of another version, and is when they are gone."""

from collections.abc import Iterator

import pytest
import sqlalchemy
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from mlflow.store.db.utils import _get_alembic_config

from prepare_mlflow import APPLICATION, refuse_to_migrate_under_servers
from tests.pod_programs.managed import Managed

SCRIPT = ScriptDirectory.from_config(_get_alembic_config("postgresql+psycopg2://"))
HEAD = SCRIPT.get_heads()[0]
OLDER = str(SCRIPT.get_revision(HEAD).down_revision)


@pytest.fixture
def uri(managed: Managed) -> Iterator[str]:
    """Return where a database of an MLflow role of its own is."""
    managed.server.query("CREATE ROLE server LOGIN PASSWORD 'servers-own'")
    managed.server.query("CREATE DATABASE server OWNER server")
    place = f"localhost:{managed.server.port}/server?sslmode=require"
    yield f"postgresql+psycopg2://server:servers-own@{place}"
    managed.server.query("DROP DATABASE server WITH (FORCE)")
    managed.server.query("DROP ROLE server")


def connect(uri: str, name: str = "") -> sqlalchemy.Connection:
    arguments = {"application_name": name} if name else {}
    return sqlalchemy.create_engine(uri, poolclass=sqlalchemy.NullPool, connect_args=arguments).connect()


def prepare(uri: str) -> None:
    with connect(uri, APPLICATION) as connection:
        refuse_to_migrate_under_servers(connection, uri)


def stand_at(uri: str, revision: str) -> None:
    with connect(uri) as connection:
        connection.execute(sqlalchemy.text("CREATE TABLE IF NOT EXISTS alembic_version (version_num text)"))
        connection.execute(sqlalchemy.text("TRUNCATE alembic_version"))
        insert = sqlalchemy.text("INSERT INTO alembic_version VALUES (:revision)")
        connection.execute(insert, {"revision": revision})
        connection.commit()


def test_an_older_database_is_migrated_only_when_no_server_is_connected(uri: str) -> None:
    stand_at(uri, OLDER)
    with (
        connect(uri),
        pytest.raises(
            SystemExit, match=f"schema {OLDER}.* needs {HEAD}.*Scale the Deployment of this pod to 0"
        ),
    ):
        prepare(uri)
    prepare(uri)


def test_another_pod_that_prepares_is_no_server(uri: str) -> None:
    stand_at(uri, OLDER)
    with connect(uri, APPLICATION):
        prepare(uri)


def test_a_database_of_this_version_and_an_empty_one_need_no_migration(uri: str) -> None:
    with connect(uri):
        prepare(uri)
        stand_at(uri, HEAD)
        prepare(uri)


def test_a_database_of_a_newer_version_is_reported(uri: str) -> None:
    stand_at(uri, "ffff00001111")
    with (
        connect(uri),
        pytest.raises(CommandError, match="Can't locate revision identified by 'ffff00001111'"),
    ):
        prepare(uri)

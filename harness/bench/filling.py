"""Fills MLflow's database with copies of one trace that it really stored, by SQL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.common.mlflow_server import Mlflow

SPACING = 500  # milliseconds between two copies
AGO = 3_600_000  # milliseconds from the newest copy until the trace, so that no copy is a new trace
LIMIT = 1800.0  # seconds that the SQL of one filling may take
# Tables of MLflow's database: that of traces, and the one whose rows are large.
TRACES, SPANS = "trace_info", "spans"
# Columns that have a trace's id, and columns with its times, each with its unit's number in a millisecond.
IDS = ("request_id", "trace_id")
TIMES = {"timestamp_ms": 1, "start_time_unix_nano": 1_000_000, "end_time_unix_nano": 1_000_000}
_TABLES = f"""
SELECT '{TRACES}' UNION
SELECT conrelid::regclass::text FROM pg_constraint
 WHERE contype = 'f' AND confrelid IN ('{TRACES}'::regclass, '{SPANS}'::regclass)
"""  # noqa: S608 - of constants
_COLUMNS = """
SELECT table_name, column_name, character_maximum_length IS NOT NULL FROM information_schema.columns
 WHERE table_schema = 'public' AND is_generated = 'NEVER' ORDER BY ordinal_position
"""


@dataclass(frozen=True)
class Range:
    """Copies by their number, from `first` to `last`; the first of all is 1, and the newest."""

    first: int
    last: int


def fill(mlflow: Mlflow, trace_id: str, session: str, copies: Range, with_spans: int) -> None:
    """Store copies of a trace, each with an id and a session of its own, the next one a little older.

    `trace_id` is as MLflow writes it, `tr-` and 32 hex digits. Only copies with a number up to `with_spans`
    have spans. Raises HarnessError where PostgreSQL rejects that.
    """
    tables = _read_tables(mlflow)
    statements = [
        # Foreign keys are not checked, and indexes are made when all rows are there: a tenth of the time.
        "SET session_replication_role = replica; SET maintenance_work_mem = '256MB'",
        f"CREATE TEMP TABLE copies AS SELECT n, 'tr-' || md5('{session}' || n) AS id, "  # noqa: S608
        f"'{session}-' || n AS session FROM generate_series({copies.first}::bigint, {copies.last}) AS n",
        "ANALYZE copies",
    ]
    for table, columns in tables.items():
        statements += [
            "UPDATE pg_index SET indisready = false, indisvalid = false "  # noqa: S608 - of the schema
            f"WHERE indrelid = '{table}'::regclass",
            _copy(table, columns, trace_id, session, with_spans),
            f"REINDEX TABLE {table}",
        ]
    statements.append("VACUUM ANALYZE")
    mlflow.postgres.query(";\n".join(statements) + ";\n", mlflow.database, LIMIT)


def _read_tables(mlflow: Mlflow) -> Mapping[str, Mapping[str, bool]]:
    """Return the tables with rows of a trace: of each the columns, and whether one is a short text."""
    names = mlflow.query(_TABLES).split()
    found: dict[str, dict[str, bool]] = {name: {} for name in sorted(names)}
    for row in mlflow.query(_COLUMNS).splitlines():
        table, column, is_short_text = row.split("|")
        if table in found:
            found[table][column] = is_short_text == "t"
    return found


def _copy(table: str, columns: Mapping[str, bool], trace_id: str, session: str, with_spans: int) -> str:
    """Return the statement that copies a trace's rows of one table."""
    (key,) = (column for column in IDS if column in columns)
    values = [_value(column, is_short, trace_id, session) for column, is_short in columns.items()]
    condition = f"original.{key} = '{trace_id}'"
    if key == "trace_id":  # its spans, and what belongs to one
        condition += f" AND n <= {with_spans}"
    return (
        f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(values)} "  # noqa: S608 - of the schema
        f"FROM {table} AS original CROSS JOIN copies WHERE {condition}"
    )


def _value(column: str, is_short_text: bool, trace_id: str, session: str) -> str:
    """Return a copy's value of a column, as SQL."""
    if column in IDS:
        return "id"
    if column in TIMES:
        return f"original.{column} - (n * {SPACING} + {AGO}) * {TIMES[column]}"
    if is_short_text:
        return f"replace(replace(original.{column}, '{trace_id}', id), '{session}', session)"
    return f"original.{column}"


def database_size(mlflow: Mlflow) -> int:
    """Return the bytes of MLflow's database."""
    return int(mlflow.query("SELECT pg_database_size(current_database())"))

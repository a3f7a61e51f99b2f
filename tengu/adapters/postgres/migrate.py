"""Bring the database to the code's version: numbered SQL files, one transaction each, under an advisory lock.

Procrastinate has no version table of its own and its schema cannot be applied twice, so it is a step of ours:
a file with `.procrastinate` in its place stands for the schema of the pinned release.
"""

from __future__ import annotations

import logging
from importlib import resources

from procrastinate.schema import SchemaManager

from tengu.adapters.postgres.database import Connection, Database, translated
from tengu.errors import ServiceError

_LOCK = 7_264_513_001  # any number of our own: the key of the advisory lock
_PROCRASTINATE = "0002_procrastinate"
_log = logging.getLogger(__name__)


def migrate(database: Database) -> int:
    """Apply what is missing; any number of processes may call it at once.

    Returns:
        The version the database has now.

    Raises:
        ServiceError: unreachable, refused, or the database is newer than this code.
    """
    with database.own_connection("migrate") as connection, translated("migrate"):
        connection.execute("SET statement_timeout = '10min'")
        connection.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
        return _apply_missing(connection)


def is_current(database: Database) -> bool:
    """True if the database has exactly this code's version."""
    with database.transaction("look at the schema version") as connection:
        return _version(connection) == len(_migrations())


def _apply_missing(connection: Connection) -> int:
    connection.execute(
        "CREATE TABLE IF NOT EXISTS tengu_schema_version "
        "(version int PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
    )
    migrations = _migrations()
    version = _version(connection)
    if version > len(migrations):
        raise ServiceError(
            "PostgreSQL", "migrate", f"the database is at version {version}, this Tengu knows {len(migrations)}.",
            advice="A newer Tengu has used this database: upgrade this one, or restore the backup from before.",
        )  # fmt: skip
    for number, name in enumerate(migrations[version:], start=version + 1):
        with connection.transaction():
            connection.execute(_statements(name).encode())
            connection.execute("INSERT INTO tengu_schema_version (version, name) VALUES (%s, %s)", (number, name))
        _log.info("applied migration %s", name)
    return len(migrations)


def _version(connection: Connection) -> int:
    if connection.execute("SELECT to_regclass('tengu_schema_version') AS found").fetchone() == {"found": None}:
        return 0
    row = connection.execute("SELECT coalesce(max(version), 0) AS version FROM tengu_schema_version").fetchone()
    return int(row["version"]) if row else 0


def _migrations() -> list[str]:
    files = resources.files("tengu.adapters.postgres") / "migrations"
    names = [file.name.removesuffix(".sql") for file in files.iterdir() if file.name.endswith(".sql")]
    return sorted([*names, _PROCRASTINATE])


def _statements(name: str) -> str:
    if name == _PROCRASTINATE:
        return SchemaManager.get_schema()
    file = resources.files("tengu.adapters.postgres") / "migrations" / f"{name}.sql"
    return file.read_text(encoding="utf-8")

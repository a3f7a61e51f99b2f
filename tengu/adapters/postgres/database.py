"""The connection pool, transactions, and psycopg's errors in Tengu's words."""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.rows import DictRow, dict_row
from psycopg.types.json import Jsonb
from psycopg_pool import ConnectionPool, PoolTimeout

from tengu.errors import ServiceError

Connection = psycopg.Connection[DictRow]

CONNECT_TIMEOUT = 5
"""Seconds one attempt to connect may take."""
_STATEMENT_TIMEOUT = 15_000
"""Milliseconds one statement may take: well below the lease, so that a stuck database cannot outlast it."""


class Database:
    """The pool all stores share.

    Args:
        dsn: connection string.
        size: connections at most; a thread uses one at a time.
    """

    def __init__(self, dsn: str, *, size: int = 20, timeout: float = 10.0) -> None:
        self.dsn = dsn
        self._pool: ConnectionPool[Connection] = ConnectionPool(
            dsn,
            kwargs={"row_factory": dict_row, **connection_options()},
            min_size=1, max_size=size, timeout=timeout, reconnect_timeout=60.0,
            check=ConnectionPool.check_connection,  # a restarted database must not fail the next caller
            name="tengu", open=False,
        )  # fmt: skip

    def open(self) -> None:
        """Begin to connect; does not wait, so that a database that is away shows at the first use."""
        self._pool.open(wait=False)

    def close(self) -> None:
        """Close every connection."""
        self._pool.close()

    @contextmanager
    def transaction(self, action: str) -> Generator[Connection]:
        """One transaction: committed at the end of the block, rolled back on an exception.

        Args:
            action: what it is for, in words for people (`record a deployment`).

        Raises:
            ServiceError: the database cannot be reached (transient) or refuses.
        """
        with translated(action), self._pool.connection() as connection:
            yield connection

    @contextmanager
    def own_connection(self, action: str) -> Generator[Connection]:
        """A connection outside the pool, for what holds one for long; autocommit."""
        with translated(action):
            connection = psycopg.connect(self.dsn, row_factory=dict_row, autocommit=True, **connection_options())
        try:
            yield connection
        finally:
            connection.close()

    def ping(self) -> None:
        """Ask the database for one row.

        Raises:
            ServiceError: it does not answer.
        """
        with self.transaction("a ping") as connection:
            connection.execute("SELECT 1")


def connection_options() -> dict[str, Any]:
    """What every connection of ours is opened with."""
    return {
        "connect_timeout": CONNECT_TIMEOUT,
        "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 30_000,
        "application_name": "tengu",
        "options": f"-c statement_timeout={_STATEMENT_TIMEOUT} -c idle_in_transaction_session_timeout=60000"
                   " -c timezone=UTC",
    }  # fmt: skip


@contextmanager
def translated(action: str) -> Generator[None]:
    """Turn psycopg's errors into ServiceError."""
    try:
        yield
    except (PoolTimeout, psycopg.OperationalError, psycopg.InterfaceError) as error:
        raise ServiceError(
            "PostgreSQL", action, _one_line(error), transient=True,
            advice="Is the database of DATABASE_URL up and reachable?",
        ) from error  # fmt: skip
    except psycopg.Error as error:
        raise ServiceError("PostgreSQL", action, _one_line(error), advice=_advice(error)) from error


def _advice(error: psycopg.Error) -> str:
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        return "Give the user of DATABASE_URL the rights of the database's owner."
    if isinstance(error, psycopg.errors.UndefinedTable):
        return "The database is not set up yet: start `tengu serve` once."
    return ""


def _one_line(error: Exception) -> str:
    primary = error.diag.message_primary if isinstance(error, psycopg.Error) else None
    return " ".join((primary or str(error) or type(error).__name__).split())[:300]


def clean(text: str) -> str:
    """Text as PostgreSQL can keep it: without NUL and without halves of surrogate pairs."""
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode("utf-8")


def as_json(value: Any) -> Jsonb:
    """A JSON parameter; text in it is cleaned."""
    return Jsonb(value, dumps=_dumps)


def _dumps(value: Any) -> str:
    return json.dumps(_cleaned(value), ensure_ascii=False)


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, Mapping):
        return {clean(str(key)): _cleaned(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_cleaned(item) for item in value]
    return value

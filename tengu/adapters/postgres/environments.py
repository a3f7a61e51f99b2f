"""What is remembered about each environment (the port `Environments`)."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from psycopg.rows import DictRow

from tengu.adapters.postgres.database import Database, clean, translated
from tengu.domain.people import Actor
from tengu.ports.store import DeploymentPullRequest, Lock

_IN_FORCE = "(until IS NULL OR until > now())"


class PostgresEnvironments:
    """Adopted heads, locks, deployment pull requests."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def adopted(self, app: str, environment: str, branch: str) -> str | None:
        """The deployment branch's head that was there before Tengu; None before the first sight."""
        row = self._fetch(
            "SELECT commit FROM adopted_branch WHERE app = %s AND environment = %s AND branch = %s",
            app, environment, branch,
        )  # fmt: skip
        return row["commit"] if row else None

    def adopt(self, app: str, environment: str, branch: str, commit: str) -> str:
        """Remember it on first sight; answers with what is remembered."""
        row = self._fetch(
            "INSERT INTO adopted_branch (app, environment, branch, commit) VALUES (%s, %s, %s, %s) "
            "ON CONFLICT (app, environment, branch) DO UPDATE SET commit = adopted_branch.commit RETURNING commit",
            app, environment, branch, commit,
        )  # fmt: skip
        return str(row["commit"]) if row else commit

    def reported(self, app: str, environment: str, commit: str) -> bool:
        """Remember that this head was reported as one that Tengu will not deploy; True the first time."""
        return self._fetch(
            "INSERT INTO reported_commit (app, environment, commit) VALUES (%s, %s, %s) "
            "ON CONFLICT DO NOTHING RETURNING commit",
            app, environment, commit,
        ) is not None  # fmt: skip

    def lock(self, app: str, environment: str, lock: Lock) -> None:
        """Lock it, replacing an earlier lock."""
        self._fetch(
            "INSERT INTO environment_lock (app, environment, by, why, since, until) VALUES (%s, %s, %s, %s, %s, %s) "
            "ON CONFLICT (app, environment) DO UPDATE SET by = excluded.by, why = excluded.why, "
            "since = excluded.since, until = excluded.until RETURNING app",
            app, environment, clean(str(lock.by)), clean(lock.why), lock.since, lock.until,
        )  # fmt: skip

    def unlock(self, app: str, environment: str) -> Lock | None:
        """Remove and return the lock, if there was one in force."""
        row = self._fetch(
            "DELETE FROM environment_lock WHERE app = %s AND environment = %s "
            f"RETURNING *, {_IN_FORCE} AS in_force",
            app, environment,
        )  # fmt: skip
        return _lock(row) if row and row["in_force"] else None

    def current_lock(self, app: str, environment: str) -> Lock | None:
        """The lock in force; an expired one is none."""
        row = self._fetch(
            f"SELECT * FROM environment_lock WHERE app = %s AND environment = %s AND {_IN_FORCE}",
            app, environment,
        )  # fmt: skip
        return _lock(row) if row else None

    def save_pull_request(self, pull_request: DeploymentPullRequest) -> None:
        """Insert or replace by (app, environment, number)."""
        new = pull_request
        self._fetch(
            "INSERT INTO deployment_pull_request (app, environment, number, url, state, base, head, opened_at, "
            "opened_by, message_key, merged_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) "
            "ON CONFLICT (app, environment, number) DO UPDATE SET url = excluded.url, state = excluded.state, "
            "base = excluded.base, head = excluded.head, opened_at = excluded.opened_at, "
            "opened_by = excluded.opened_by, message_key = excluded.message_key, merged_at = excluded.merged_at "
            "RETURNING number",
            new.app, new.environment, new.number, new.url, new.state, new.base, new.head, new.opened_at,
            clean(str(new.opened_by)), new.message_key, new.merged_at,
        )  # fmt: skip

    def pull_request(self, app: str, environment: str, number: int | None = None) -> DeploymentPullRequest | None:
        """That one, or the newest."""
        row = self._fetch(
            "SELECT * FROM deployment_pull_request WHERE app = %s AND environment = %s "
            "AND number = coalesce(%s::bigint, number) ORDER BY number DESC LIMIT 1",
            app, environment, number,
        )  # fmt: skip
        return _pull_request(row) if row else None

    def pull_requests_to_verify(self) -> tuple[DeploymentPullRequest, ...]:
        """Those not closed unmerged that still have an open box."""
        with self._database.transaction("read deployment pull requests") as connection:
            rows = connection.execute(
                "SELECT * FROM deployment_pull_request p WHERE state <> 'closed' AND EXISTS "
                "(SELECT FROM verification_item i WHERE i.app = p.app AND i.environment = p.environment "
                "AND i.pull_request = p.number AND i.listed AND NOT i.ticked) ORDER BY app, environment, number"
            ).fetchall()
            return tuple(_pull_request(row) for row in rows)

    @contextmanager
    def exclusive(self, name: str) -> Generator[None]:
        """Only one process at a time does what is named so; waits up to 60 s.

        Raises:
            ServiceError: it is still being done elsewhere after 60 s (transient).
        """
        # A connection of its own: many that wait here must not use up the pool that the one inside needs. A lock of
        # a transaction, not of a session: poolers in front of the database know where a transaction ends.
        with self._database.own_connection(f"wait for {name}") as connection, connection.transaction():
            with translated(f"wait until nobody else does {name}"):
                connection.execute("SET LOCAL lock_timeout = '60s'")
                connection.execute("SET LOCAL statement_timeout = 0")
                connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
                connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (clean(name),))
            yield

    def _fetch(self, query: str, *values: Any) -> DictRow | None:
        with self._database.transaction("read or write an environment") as connection:
            return connection.execute(query.encode(), values).fetchone()


def _lock(row: DictRow) -> Lock:
    return Lock(by=Actor.parse(row["by"]), why=row["why"], since=row["since"], until=row["until"])


def _pull_request(row: DictRow) -> DeploymentPullRequest:
    return DeploymentPullRequest(**{**row, "opened_by": Actor.parse(row["opened_by"])})

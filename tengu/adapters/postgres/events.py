"""The append-only record (the port `Events`): the table refuses changes, only retention deletes."""

from __future__ import annotations

from psycopg.rows import DictRow

from tengu.adapters.postgres.database import Database, as_json, clean
from tengu.domain.people import Actor
from tengu.ports.store import Event


class PostgresEvents:
    """Who did what, from where, why, and how it ended."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(self, event: Event) -> None:
        """Append it; `at` is the database's clock."""
        with self._database.transaction("record an event") as connection:
            connection.execute(
                "INSERT INTO event (actor, action, outcome, app, environment, deployment, why, detail) "
                "VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
                (
                    clean(str(event.actor)), event.action, event.outcome, event.app, event.environment,
                    event.deployment, clean(event.why), as_json(event.detail),
                ),
            )  # fmt: skip

    def events(self, *, app: str | None = None, environment: str | None = None, limit: int = 100) -> tuple[Event, ...]:
        """Newest first."""
        with self._database.transaction("read events") as connection:
            rows = connection.execute(
                "SELECT * FROM event WHERE app = coalesce(%s::text, app) "
                "AND environment = coalesce(%s::text, environment) ORDER BY number DESC LIMIT %s",
                (app, environment, limit),
            ).fetchall()
            return tuple(_event(row) for row in rows)


def _event(row: DictRow) -> Event:
    return Event(
        actor=Actor.parse(row["actor"]),
        action=row["action"],
        outcome=row["outcome"],
        app=row["app"],
        environment=row["environment"],
        deployment=row["deployment"],
        why=row["why"],
        detail=row["detail"],
        at=row["at"],
    )

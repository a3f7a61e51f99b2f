"""Nothing grows without bound: what is older than the retention goes, in small bites."""

from __future__ import annotations

from datetime import timedelta

from tengu.adapters.postgres.database import Database

_BITE = 5_000
_OLD = {
    "inbound": "coalesce(handled_at, gave_up_at) < now() - %(retention)s",
    "outbound": "greatest(changed_at, sent_at) < now() - %(retention)s",
    "event": "at < now() - %(retention)s",
    "deployment_log": "at < now() - %(retention)s",
}
_STUCK = timedelta(days=2)
"""Procrastinate can leave a job `doing` for ever; no job of ours takes that long."""


def prune(database: Database, retention: timedelta) -> int:
    """Remove old requests, messages, events and log lines; deployments are kept.

    Returns:
        How many rows went.

    Raises:
        ServiceError: the database is away.
    """
    removed = sum(_remove(database, table, condition, retention) for table, condition in _OLD.items())
    stuck = "status <> 'todo' AND id IN (SELECT job_id FROM procrastinate_events WHERE at < now() - %(retention)s)"
    return removed + _remove(database, "procrastinate_jobs", stuck, _STUCK)


def _remove(database: Database, table: str, condition: str, retention: timedelta) -> int:
    removed = 0
    while True:
        with database.transaction("remove what is old") as connection:
            some = f"SELECT ctid FROM {table} WHERE {condition} LIMIT {_BITE}"
            statement = f"DELETE FROM {table} WHERE ctid IN ({some})"
            bite = connection.execute(statement.encode(), {"retention": retention}).rowcount
        removed += bite
        if bite < _BITE:
            return removed

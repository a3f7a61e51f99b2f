"""Stored requests (the port `Inbox`)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from tengu.adapters.postgres.database import Database, as_json, clean
from tengu.adapters.postgres.wake import wake
from tengu.ports.store import Inbound

_TAKEN_FOR = timedelta(seconds=90)  # so long a person waits after a crash; handling twice at once is harmless


class PostgresInbox:
    """What came in, handled at least once."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def receive(self, key: str, kind: str, payload: Mapping[str, Any]) -> bool:
        """Store it and wake a worker. False if the key is known.

        A repeat of one that was given up runs again: whoever sends it again still wants it.
        """
        with self._database.transaction("store a request") as connection:
            stored = connection.execute(
                "INSERT INTO inbound (key, kind, payload) VALUES (%(key)s, %(kind)s, %(payload)s) "
                "ON CONFLICT (key) DO UPDATE SET gave_up_at = NULL, retry_at = NULL, attempts = 0 "
                "WHERE inbound.gave_up_at IS NOT NULL RETURNING key",
                {"key": clean(key), "kind": kind, "payload": as_json(payload)},
            ).fetchone()
            if stored is None:
                return False
            wake(connection, "handle_inbound", key=clean(key))
            return True

    def take(self, key: str) -> Inbound | None:
        """Take it for 90 seconds; None if it is handled, not due, or another worker has it."""
        with self._database.transaction("take a request") as connection:
            row = connection.execute(
                "UPDATE inbound SET taken_until = now() + %(taken_for)s, attempts = attempts + 1 WHERE key = %(key)s "
                "AND handled_at IS NULL AND gave_up_at IS NULL "
                "AND (taken_until IS NULL OR taken_until <= now()) AND (retry_at IS NULL OR retry_at <= now()) "
                "RETURNING key, kind, payload, received_at, attempts",
                {"key": clean(key), "taken_for": _TAKEN_FOR},
            ).fetchone()
            return Inbound(**row) if row else None

    def handled(self, key: str) -> None:
        """It is done for good."""
        with self._database.transaction("mark a request as handled") as connection:
            connection.execute(
                "UPDATE inbound SET handled_at = now(), taken_until = NULL, error = '' WHERE key = %s", (clean(key),)
            )

    def failed(self, key: str, error: str, retry_in: timedelta | None) -> None:
        """It failed; tried again after `retry_in`, or given up (kept, marked) with None."""
        with self._database.transaction("mark a request as failed") as connection:
            connection.execute(
                "UPDATE inbound SET taken_until = NULL, error = %(error)s, retry_at = now() + %(retry_in)s, "
                "gave_up_at = CASE WHEN %(retry_in)s::interval IS NULL THEN now() END "
                "WHERE key = %(key)s AND handled_at IS NULL",
                {"key": clean(key), "error": clean(error)[:2000], "retry_in": retry_in},
            )

"""The boxes, and who ticked them when (the port `Verifications`)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from psycopg.rows import DictRow

from tengu.adapters.postgres.database import Database, clean
from tengu.domain.people import Actor
from tengu.ports.store import VerificationItem


class PostgresVerifications:
    """The one truth about verification; the pull request's body is kept in step with it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def items(self, app: str, environment: str, pull_request: int) -> tuple[VerificationItem, ...]:
        """All of that deployment pull request, by item number."""
        with self._database.transaction("read verifications") as connection:
            rows = connection.execute(
                "SELECT * FROM verification_item WHERE app = %s AND environment = %s AND pull_request = %s "
                "ORDER BY item",
                (app, environment, pull_request),
            ).fetchall()
            return tuple(_item(row) for row in rows)

    def save(self, items: Sequence[VerificationItem]) -> None:
        """Insert or replace, in one transaction. A reminder recorded meanwhile is not taken back."""
        with self._database.transaction("store verifications") as connection, connection.cursor() as cursor:
            cursor.executemany(
                """
                INSERT INTO verification_item (app, environment, pull_request, item, title, verifiers, ticked,
                    ticked_by, ticked_at, in_body, listed, pinged_at, pings, summarised)
                VALUES (%(app)s, %(environment)s, %(pull_request)s, %(item)s, %(title)s, %(verifiers)s, %(ticked)s,
                    %(ticked_by)s, %(ticked_at)s, %(in_body)s, %(listed)s, %(pinged_at)s, %(pings)s, %(summarised)s)
                ON CONFLICT (app, environment, pull_request, item) DO UPDATE SET title = excluded.title,
                    verifiers = excluded.verifiers, ticked = excluded.ticked, ticked_by = excluded.ticked_by,
                    ticked_at = excluded.ticked_at, in_body = excluded.in_body, listed = excluded.listed,
                    pinged_at = greatest(verification_item.pinged_at, excluded.pinged_at),
                    pings = greatest(verification_item.pings, excluded.pings),
                    summarised = verification_item.summarised OR excluded.summarised
                """,
                [_row(item) for item in sorted(items, key=_key)],  # one order for all: no deadlock
            )

    def pinged(self, items: Sequence[VerificationItem], at: datetime, expected: datetime | None) -> bool:
        """Record one reminder for these items, only if none was recorded since `expected`."""
        with self._database.transaction("record a reminder") as connection:
            newest: datetime | None = None
            for item in sorted(items, key=_key):
                row = connection.execute(
                    "SELECT pinged_at FROM verification_item WHERE app = %s AND environment = %s "
                    "AND pull_request = %s AND item = %s FOR UPDATE",
                    _key(item),
                ).fetchone()
                if row and row["pinged_at"] is not None:
                    newest = max(newest or row["pinged_at"], row["pinged_at"])
            if newest is not None and (expected is None or newest > expected):
                return False
            for item in items:
                connection.execute(
                    "UPDATE verification_item SET pinged_at = %s, pings = pings + 1 "
                    "WHERE app = %s AND environment = %s AND pull_request = %s AND item = %s",
                    (at, *_key(item)),
                )
            return True

    def take_link(self, login: str) -> str | None:
        """Slack user id that said `link LOGIN`, if one did."""
        with self._database.transaction("read a link") as connection:
            row = connection.execute(
                "SELECT slack_user FROM person_link WHERE login = %s", (clean(login).lower(),)
            ).fetchone()
            return row["slack_user"] if row else None


def _key(item: VerificationItem) -> tuple[str, str, int, int]:
    return (item.app, item.environment, item.pull_request, item.item)


def _item(row: DictRow) -> VerificationItem:
    ticked_by = Actor.parse(row["ticked_by"]) if row["ticked_by"] else None
    return VerificationItem(**{**row, "verifiers": tuple(row["verifiers"]), "ticked_by": ticked_by})


def _row(item: VerificationItem) -> dict[str, object]:
    return {
        **vars(item),
        "title": clean(item.title),
        "verifiers": list(item.verifiers),
        "ticked_by": clean(str(item.ticked_by)) if item.ticked_by else None,
    }

"""Messages to Slack (the port `Outbox`)."""

from __future__ import annotations

from datetime import timedelta

from psycopg.rows import DictRow

from tengu.adapters.postgres.database import Database, as_json, clean
from tengu.adapters.postgres.wake import wake
from tengu.domain.message import Message
from tengu.ports.store import Destination, Outgoing

_TAKEN_FOR = timedelta(minutes=1)

_COLUMNS = "o.*, coalesce(p.ts, '') AS parent_ts, coalesce(p.channel_id, '') AS parent_channel"
_TABLES = "outbound o LEFT JOIN outbound p ON p.key = o.thread_of AND o.thread_of <> ''"
# A message in the thread of one of ours waits until that one has a timestamp.
_UNSENT = "o.sent_version < o.version AND o.gave_up_at IS NULL AND (o.thread_of = '' OR p.ts <> '')"
_DUE_AT = (
    "greatest(o.changed_at, o.taken_until, o.retry_at, CASE WHEN o.ts <> '' THEN o.sent_at + interval '3 seconds' END)"
)


class PostgresOutbox:
    """What goes out: sent at least once, shown once."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, key: str, destination: Destination, message: Message) -> None:
        """Want this message. Same content as before: nothing happens. Wakes the sender."""
        with self._database.transaction("store a message") as connection:
            changed = connection.execute(
                """
                INSERT INTO outbound (key, channel, user_id, thread_ts, thread_of, message)
                VALUES (%(key)s, %(channel)s, %(user)s, %(thread_ts)s, %(thread_of)s, %(message)s)
                ON CONFLICT (key) DO UPDATE SET message = excluded.message, version = outbound.version + 1,
                    changed_at = now(), gave_up_at = NULL, attempts = 0
                WHERE outbound.message IS DISTINCT FROM excluded.message
                RETURNING key
                """,
                {
                    "key": key, "channel": destination.channel, "user": destination.user,
                    "thread_ts": destination.thread_ts, "thread_of": destination.thread_of,
                    "message": as_json(message.to_json()),
                },
            ).fetchone()  # fmt: skip
            if changed is not None:
                wake(connection, "send_messages")

    def get(self, key: str) -> Outgoing | None:
        """The message of that key."""
        with self._database.transaction("read a message") as connection:
            row = connection.execute(
                f"SELECT {_COLUMNS} FROM {_TABLES} WHERE o.key = %s",
                (key,),
            ).fetchone()
            return _outgoing(row) if row else None

    def take_due(self) -> Outgoing | None:
        """Take the oldest message that differs from what Slack shows and is due, for 1 minute."""
        with self._database.transaction("take a message") as connection:
            row = connection.execute(
                f"SELECT {_COLUMNS} FROM {_TABLES} WHERE {_UNSENT} AND {_DUE_AT} <= now() "
                "ORDER BY o.changed_at LIMIT 1 FOR UPDATE OF o SKIP LOCKED"
            ).fetchone()
            if row is None:
                return None
            connection.execute("UPDATE outbound SET taken_until = now() + %s WHERE key = %s", (_TAKEN_FOR, row["key"]))
            return _outgoing(row)

    def begin(self, key: str) -> None:
        """A post is about to be sent. While earlier posts are uncertain, their time is kept."""
        self._update(
            key, "begun_at = CASE WHEN uncertain THEN coalesce(begun_at, now()) ELSE now() END, uncertain = true"
        )

    def sent(self, key: str, version: int, channel_id: str, ts: str) -> None:
        """Slack shows this version there."""
        with self._database.transaction("record a sent message") as connection:
            connection.execute(
                "UPDATE outbound SET sent_version = %s, channel_id = %s, ts = %s, sent_at = now(), uncertain = false, "
                "begun_at = NULL, attempts = 0, taken_until = NULL, retry_at = NULL, error = '' WHERE key = %s",
                (version, channel_id, ts, key),
            )
            wake(connection, "send_messages")  # replies in its thread may go out now

    def failed(self, key: str, error: str, retry_in: timedelta | None, *, uncertain: bool) -> None:
        """It could not be sent; again after `retry_in`, or given up with None."""
        self._update(
            key,
            "taken_until = NULL, attempts = attempts + 1, error = %(error)s, uncertain = %(uncertain)s, "
            "begun_at = CASE WHEN %(uncertain)s THEN begun_at END, retry_at = now() + %(retry_in)s, "
            "gave_up_at = CASE WHEN %(retry_in)s::interval IS NULL THEN now() END",
            error=clean(error)[:2000], uncertain=uncertain, retry_in=retry_in,
        )  # fmt: skip

    def forget_post(self, key: str) -> None:
        """Slack no longer has (or no longer lets us edit) the posted message: post anew.

        It stays taken, so that whoever found out can post it right away.
        """
        self._update(key, "channel_id = '', ts = '', sent_version = 0, uncertain = false, begun_at = NULL")

    def next_due_in(self) -> float | None:
        """Seconds until a message is due, 0 if one is; None if there is nothing to send."""
        with self._database.transaction("look for messages") as connection:
            row = connection.execute(
                f"SELECT extract(epoch FROM min({_DUE_AT}) - now())::float AS seconds FROM {_TABLES} WHERE {_UNSENT}"
            ).fetchone()
            seconds = row["seconds"] if row else None
            return None if seconds is None else max(0.0, seconds)

    def _update(self, key: str, changes: str, **values: object) -> None:
        with self._database.transaction("record what became of a message") as connection:
            connection.execute(
                f"UPDATE outbound SET {changes} WHERE key = %(key)s".encode(),
                {"key": key, **values},
            )


def _outgoing(row: DictRow) -> Outgoing:
    return Outgoing(
        key=row["key"],
        destination=Destination(
            channel=row["channel"] or row["parent_channel"], user=row["user_id"],
            thread_ts=row["thread_ts"] or row["parent_ts"], thread_of=row["thread_of"],
        ),
        message=Message.from_json(row["message"]), version=row["version"], sent_version=row["sent_version"],
        channel_id=row["channel_id"], ts=row["ts"], uncertain=row["uncertain"], attempts=row["attempts"],
        begun_at=row["begun_at"],
    )  # fmt: skip

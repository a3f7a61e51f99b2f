"""What goes out. See `tengu.ports.store`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from tengu.domain.message import Message


@dataclass(frozen=True)
class Destination:
    """Where a message goes.

    Args:
        channel: channel id or `#name`; or, with `user`, empty.
        user: Slack user id for a direct message.
        thread_ts: timestamp of the message in whose thread it goes.
        thread_of: key of one of our own messages in whose thread it goes, once that one is posted.
    """

    channel: str = ""
    user: str = ""
    thread_ts: str = ""
    thread_of: str = ""


@dataclass(frozen=True)
class Outgoing:
    """One message as Tengu wants it to be in Slack.

    Args:
        key: what makes it this message (`deployment:12:status`): put twice = edited, never posted twice.
        version: counts how often its content changed.
        sent_version: the version Slack shows; 0 if none.
        channel_id, ts: where Slack has it, once posted.
        uncertain: a post was begun and its end was never recorded: look in Slack before posting.
    """

    key: str
    destination: Destination
    message: Message
    version: int
    sent_version: int = 0
    channel_id: str = ""
    ts: str = ""
    uncertain: bool = False
    attempts: int = 0
    begun_at: datetime | None = None


class Outbox(Protocol):
    """Messages to Slack, sent at least once and shown once."""

    def put(self, key: str, destination: Destination, message: Message) -> None:
        """Want this message. Same content as before: nothing happens. Wakes the sender."""

    def get(self, key: str) -> Outgoing | None:
        """The message of that key."""

    def take_due(self) -> Outgoing | None:
        """Take the oldest message that differs from what Slack shows and is due, for 1 minute.

        Not due: taken by another sender; in a thread of a message not posted yet; edited less than 3 s ago;
        waiting for its retry.
        """

    def begin(self, key: str) -> None:
        """A post is about to be sent: from now until `sent` or `failed` the row is uncertain."""

    def sent(self, key: str, version: int, channel_id: str, ts: str) -> None:
        """Slack shows this version there."""

    def failed(self, key: str, error: str, retry_in: timedelta | None, *, uncertain: bool) -> None:
        """It could not be sent; again after `retry_in`, or given up with None."""

    def forget_post(self, key: str) -> None:
        """Slack no longer has (or no longer lets us edit) the posted message: post anew."""

    def next_due_in(self) -> float | None:
        """Seconds until a message is due, 0 if one is; None if there is nothing to send."""

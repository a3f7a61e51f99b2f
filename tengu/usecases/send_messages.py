"""Drains the outbox into Slack: sent at least once, shown once.

Slack has no idempotency key. So a post is begun (and recorded as begun) first; whoever finds a begun post whose end
was never recorded looks in Slack for a message with that key before posting it.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from tengu.errors import ServiceError
from tengu.ports.chat import Chat, MessageGone, Posted
from tengu.ports.store import Outbox, Outgoing

log = logging.getLogger(__name__)

_CLOCKS_DIFFER = 300  # seconds that Slack's clock and the database's may be apart
_SLOWEST = 600.0  # seconds between attempts at most
_FRESH = 30.0  # seconds after which it may be taken by another sender while we still post it (taken for 60 s)
_MENDABLE_ATTEMPTS = 12  # over about an hour: long enough for somebody to invite the bot or to renew a token


@dataclass(frozen=True)
class SendMessages:
    """Sends what is due.

    Args:
        jitter: a number from 0 to 1, so that several senders do not come back at the same moment.
        monotonic: seconds that never go back.
    """

    outbox: Outbox
    chat: Chat
    jitter: Callable[[], float] = random.random
    monotonic: Callable[[], float] = time.monotonic

    def run(self) -> int:
        """Send everything that is due now; how many were tried. Raises ServiceError if the database is away."""
        count = 0
        while (outgoing := self.outbox.take_due()) is not None:
            self.send(outgoing)
            count += 1
        return count

    def send(self, outgoing: Outgoing) -> None:
        """Bring one message that was taken from the outbox into Slack, and record how that went."""
        taken = self.monotonic()
        try:
            posted = self._posted(outgoing)
            if posted is not None and self._update(outgoing, posted):
                return
            channel = self._channel(outgoing)
            if self.monotonic() > taken + _FRESH:
                raise ServiceError("Slack", "chat.postMessage", "its other methods took too long.", transient=True)
        except ServiceError as error:
            self._failed(outgoing, error, uncertain=outgoing.uncertain)
            return
        self._post(outgoing, channel)

    def _posted(self, outgoing: Outgoing) -> Posted | None:
        """Where Slack has it already, recorded or found."""
        if outgoing.ts:
            return Posted(outgoing.channel_id, outgoing.ts)
        if not outgoing.uncertain:
            return None
        since = outgoing.begun_at.timestamp() - _CLOCKS_DIFFER if outgoing.begun_at else 0
        thread = outgoing.destination.thread_ts
        found = self.chat.find(self._channel(outgoing), outgoing.key, thread=thread, since=since)
        log.info(
            "message %s: its post was not recorded; Slack %s it", outgoing.key, "has" if found else "does not have"
        )
        return found

    def _update(self, outgoing: Outgoing, posted: Posted) -> bool:
        """False if Slack no longer has it or no longer lets us edit it."""
        try:
            self.chat.update(posted, outgoing.message, key=outgoing.key)
        except MessageGone as gone:
            log.info("message %s can no longer be edited (%s): posting it anew", outgoing.key, gone)
            self.outbox.forget_post(outgoing.key)
            return False
        self.outbox.sent(outgoing.key, outgoing.version, posted.channel, posted.ts)
        return True

    def _post(self, outgoing: Outgoing, channel: str) -> None:
        thread = outgoing.destination.thread_ts
        self.outbox.begin(outgoing.key)
        try:
            posted = self.chat.post(channel, outgoing.message, thread=thread, key=outgoing.key)
        except ServiceError as error:
            # An answer that refuses means that nothing was posted; no answer means that nobody knows.
            self._failed(outgoing, error, uncertain=error.transient and error.retry_after is None)
            return
        self.outbox.sent(outgoing.key, outgoing.version, posted.channel, posted.ts)

    def _channel(self, outgoing: Outgoing) -> str:
        destination = outgoing.destination
        if destination.channel:
            return destination.channel
        return self.chat.direct_message(destination.user)

    def _failed(self, outgoing: Outgoing, error: ServiceError, *, uncertain: bool) -> None:
        retry_in = self._retry_in(outgoing.attempts, error)
        self.outbox.failed(outgoing.key, str(error), retry_in, uncertain=uncertain)
        if retry_in is None:
            log.error("message %s given up at attempt %d: %s", outgoing.key, outgoing.attempts + 1, error)
        else:
            log.warning("message %s not sent, again in %.0f s: %s", outgoing.key, retry_in.total_seconds(), error)

    def _retry_in(self, attempts: int, error: ServiceError) -> timedelta | None:
        """Transient failures are tried for ever, what a person can mend (there is advice) for about an hour, what
        Slack will never take (a malformed message) not again."""
        if not error.transient and (not error.advice or attempts + 1 >= _MENDABLE_ATTEMPTS):
            return None
        seconds = min(2.0 ** min(attempts, 10), _SLOWEST) * (0.5 + self.jitter())
        return timedelta(seconds=max(seconds, error.retry_after or 0))

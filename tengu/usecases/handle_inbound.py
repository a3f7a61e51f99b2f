"""Takes one stored request and has it handled: the error boundary of everything that came in."""

from __future__ import annotations

import logging
import random
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from tengu.errors import ServiceError
from tengu.ports.store import Inbound, Inbox

log = logging.getLogger(__name__)
TRIES = 12
LONGEST_WAIT = 300.0
Handler = Callable[[Inbound], None]


@dataclass(frozen=True)
class HandleInbound:
    """Callable with a row's key.

    Args:
        handlers: by kind; a kind that nobody handles has no effect.
        apologise: tells the person, where there is one, that something unexpected happened; gets the reference
            that stands in the log.
    """

    inbox: Inbox
    handlers: Mapping[str, Handler]
    apologise: Callable[[Inbound, str], None]

    def __call__(self, key: str) -> None:
        """Handle it once; a service that is away means again later, a bug means never again by itself."""
        inbound = self.inbox.take(key)
        if inbound is None:
            return
        handler = self.handlers.get(inbound.kind)
        try:
            if handler is not None:
                handler(inbound)
            self.inbox.handled(key)
        except ServiceError as error:
            retry_in = _retry_in(error, inbound.attempts)
            log.warning("%s %s: %s; %s", inbound.kind, key, error, "again later" if retry_in else "given up")
            self.inbox.failed(key, str(error), retry_in)
        except Exception as error:
            # The boundary: a bug in one request must not stop the worker, and must not be tried for ever.
            reference = uuid.uuid4().hex[:8]
            log.exception("%s %s failed unexpectedly, reference %s", inbound.kind, key, reference)
            self.inbox.failed(key, f"{reference}: {error!r}", None)
            self.apologise(inbound, reference)


def _retry_in(error: ServiceError, attempts: int) -> timedelta | None:
    if attempts >= TRIES:
        return None
    wait = min(LONGEST_WAIT, 2.0 ** min(attempts, 9))
    return timedelta(seconds=max(error.retry_after or 0, wait * random.uniform(0.7, 1.3)))  # noqa: S311 (jitter)

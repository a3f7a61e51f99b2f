"""What came in. See `tengu.ports.store`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol


@dataclass(frozen=True)
class Inbound:
    """One thing that came in and was stored before it was answered.

    Args:
        key: Slack's event id, GitHub's delivery id, or one of ours: a repeat is the same row.
        kind: which use case handles it (`slack.command`, `github.pull_request`, …).
        payload: what the handler parsed out of it; JSON.
        attempts: how often it was tried.
    """

    key: str
    kind: str
    payload: Mapping[str, Any]
    received_at: datetime
    attempts: int = 0


class Inbox(Protocol):
    """Stored requests, handled at least once."""

    def receive(self, key: str, kind: str, payload: Mapping[str, Any]) -> bool:
        """Store it and wake a worker. False if the key is known: then nothing happens."""

    def take(self, key: str) -> Inbound | None:
        """Take it to handle it now, for 90 seconds; None if it is handled, or another worker has it."""

    def handled(self, key: str) -> None:
        """It is done for good."""

    def failed(self, key: str, error: str, retry_in: timedelta | None) -> None:
        """It failed; tried again after `retry_in`, or given up (kept, marked) with None."""

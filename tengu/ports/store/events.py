"""The append-only record. See `tengu.ports.store`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from tengu.domain.people import Actor


@dataclass(frozen=True)
class Event:
    """One line of the append-only record.

    Args:
        action: what was asked or done, a word of the interface (`deploy`, `merge`, `lock`, `tick`, …).
        outcome: `done`, `refused`, `failed`, or a deployment's outcome.
        detail: facts worth keeping; JSON, no secrets.
    """

    actor: Actor
    action: str
    outcome: str
    app: str = ""
    environment: str = ""
    deployment: int | None = None
    why: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)
    at: datetime | None = None


class Events(Protocol):
    """Who did what, from where, why, and how it ended."""

    def record(self, event: Event) -> None:
        """Append it; `at` is the database's clock."""

    def events(self, *, app: str | None = None, environment: str | None = None, limit: int = 100) -> tuple[Event, ...]:
        """Newest first."""

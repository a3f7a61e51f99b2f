"""The boxes, and who ticked them when. See `tengu.ports.store`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from tengu.domain.people import Actor


@dataclass(frozen=True)
class VerificationItem:
    """The checkbox of one merged pull request in one deployment pull request.

    Args:
        item: number of the merged pull request.
        verifiers: GitHub logins that are asked for it.
        in_body: the box as it was last seen, or written, in the pull request's body.
        listed: False once the pull request left the changeset.
        pinged_at, pings: the last reminder and how many there were.
    """

    app: str
    environment: str
    pull_request: int
    item: int
    title: str
    verifiers: tuple[str, ...]
    ticked: bool = False
    ticked_by: Actor | None = None
    ticked_at: datetime | None = None
    in_body: bool = False
    listed: bool = True
    pinged_at: datetime | None = None
    pings: int = 0
    summarised: bool = False


class Verifications(Protocol):
    """The boxes, and who ticked them when: the one truth; the body is kept in step."""

    def items(self, app: str, environment: str, pull_request: int) -> tuple[VerificationItem, ...]:
        """All of that deployment pull request, by item number."""

    def save(self, items: Sequence[VerificationItem]) -> None:
        """Insert or replace, in one transaction."""

    def pinged(self, items: Sequence[VerificationItem], at: datetime, expected: datetime | None) -> bool:
        """Record one reminder for these items of one person, only if none was recorded since `expected`
        (the newest `pinged_at` the caller saw). False: another process was faster."""

    def take_link(self, login: str) -> str | None:
        """Slack user id that said `link LOGIN`, if one did."""

"""What is remembered about each environment. See `tengu.ports.store`."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from tengu.domain.people import Actor


@dataclass(frozen=True)
class Lock:
    """Nobody deploys to this environment.

    Args:
        until: None means until somebody unlocks.
    """

    by: Actor
    why: str
    since: datetime
    until: datetime | None = None


@dataclass(frozen=True)
class DeploymentPullRequest:
    """The newest deployment pull request of an environment as Tengu knows it.

    Args:
        state: `open`, `merged` or `closed` (unmerged).
        message_key: key of the Slack message that announced it.
        base, head: of the changeset it shows.
    """

    app: str
    environment: str
    number: int
    url: str
    state: Literal["open", "merged", "closed"]
    base: str
    head: str
    opened_at: datetime
    opened_by: Actor
    message_key: str = ""
    merged_at: datetime | None = None


class Environments(Protocol):
    """What is remembered about each environment."""

    def adopted(self, app: str, environment: str, branch: str) -> str | None:
        """The deployment branch's head that was there before Tengu; None before the first sight."""

    def adopt(self, app: str, environment: str, branch: str, commit: str) -> str:
        """Remember it on first sight; answers with what is remembered."""

    def reported(self, app: str, environment: str, commit: str) -> bool:
        """Remember that this head was reported as one that Tengu will not deploy; True the first time."""

    def lock(self, app: str, environment: str, lock: Lock) -> None:
        """Lock it, replacing an earlier lock."""

    def unlock(self, app: str, environment: str) -> Lock | None:
        """Remove and return the lock, if there was one in force."""

    def current_lock(self, app: str, environment: str) -> Lock | None:
        """The lock in force; an expired one is none."""

    def save_pull_request(self, pull_request: DeploymentPullRequest) -> None:
        """Insert or replace by (app, environment, number)."""

    def pull_request(self, app: str, environment: str, number: int | None = None) -> DeploymentPullRequest | None:
        """That one, or the newest."""

    def pull_requests_to_verify(self) -> tuple[DeploymentPullRequest, ...]:
        """Those not closed unmerged that still have an open box."""

    def exclusive(self, name: str) -> AbstractContextManager[None]:
        """Only one process at a time does what is named so (an advisory lock; waits up to 60 s)."""

"""The commands as values: a closed set of frozen dataclasses."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

Target = tuple[str, ...]
"""The words that say environment and app, in any order, none to two; for `resolve`."""


@dataclass(frozen=True)
class Deploy:
    """Open or refresh the deployment pull request."""

    name: ClassVar = "deploy"
    target: Target


@dataclass(frozen=True)
class Diff:
    """Say what deploy would bring."""

    name: ClassVar = "diff"
    target: Target


@dataclass(frozen=True)
class Status:
    """Say what runs and what waits; without target, everywhere."""

    name: ClassVar = "status"
    target: Target


@dataclass(frozen=True)
class History:
    """List the last deployments."""

    name: ClassVar = "history"
    target: Target


@dataclass(frozen=True)
class Log:
    """Give a personal link to a deployment's log; number None means the newest."""

    name: ClassVar = "log"
    number: int | None


@dataclass(frozen=True)
class Rollback:
    """Go back to what deployment `to` ran; None means the last that succeeded before the one that runs."""

    name: ClassVar = "rollback"
    target: Target
    to: int | None = None


@dataclass(frozen=True)
class Retry:
    """Deploy the last failed one's commit again."""

    name: ClassVar = "retry"
    target: Target


@dataclass(frozen=True)
class Cancel:
    """Stop the running deployment."""

    name: ClassVar = "cancel"
    target: Target


@dataclass(frozen=True)
class Resume:
    """Start the held deployment."""

    name: ClassVar = "resume"
    target: Target


@dataclass(frozen=True)
class Merge:
    """Merge the deployment pull request; `anyway` overrides open boxes and says why."""

    name: ClassVar = "merge"
    target: Target
    anyway: bool = False
    why: str = ""


@dataclass(frozen=True)
class Hotfix:
    """Open a deployment pull request with only these merged pull requests."""

    name: ClassVar = "hotfix"
    numbers: tuple[int, ...]
    target: Target


@dataclass(frozen=True)
class Verify:
    """Tick these boxes as the person who asks."""

    name: ClassVar = "verify"
    numbers: tuple[int, ...]


@dataclass(frozen=True)
class Unverify:
    """Untick these boxes."""

    name: ClassVar = "unverify"
    numbers: tuple[int, ...]


@dataclass(frozen=True)
class Remind:
    """Ping those who have not verified, now."""

    name: ClassVar = "remind"
    target: Target


@dataclass(frozen=True)
class Snooze:
    """No reminders for the person who asks, for a while."""

    name: ClassVar = "snooze"
    duration: timedelta = timedelta(hours=2)


@dataclass(frozen=True)
class Lock:
    """Nobody deploys there, for `duration` or, with None, until unlocked."""

    name: ClassVar = "lock"
    target: Target
    duration: timedelta | None = None
    why: str = ""


@dataclass(frozen=True)
class Unlock:
    """Deployments may start again; `force` also gives up the lane of one that ended as unknown."""

    name: ClassVar = "unlock"
    target: Target
    force: bool = False


@dataclass(frozen=True)
class Link:
    """The person who asks says which GitHub account is theirs."""

    name: ClassVar = "link"
    login: str


ParsedCommand = (
    Deploy | Diff | Status | History | Log | Rollback | Retry | Cancel | Resume
    | Merge | Hotfix | Verify | Unverify | Remind | Snooze | Lock | Unlock | Link
)  # fmt: skip

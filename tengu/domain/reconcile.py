"""What may start a deployment: the decision, from facts alone.

A webhook says "look now"; looking must not deploy what nobody asked for. The rules, in order:

1. The first sight of an environment adopts the head that is there and deploys nothing. Where a signed merge webhook
   comes first, the head *before* that merge is adopted.
2. The head must contain what was recorded last; a branch that was forced back is reported.
3. A commit is deployed at most once: a deployment of any outcome for it means there is nothing to do.
4. On merge environments the head must be the merge commit of a pull request merged into the branch; a bare push is
   reported.
5. A merge that GitHub shows as deployed by Tengu already, though the record does not have it, is held: the database was
   restored from a backup.
6. A merge older than `catch_up` is held; so is one that a lock, a freeze or the person's right forbids.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

_RESTORED = "GitHub shows that Tengu deployed it before, but the record does not have it: was the database restored?"


@dataclass(frozen=True)
class Obstacle:
    """Why something may not be deployed now: a stable code and the fact behind it."""

    code: str
    fact: str


@dataclass(frozen=True)
class Facts:
    """What is known when Tengu looks at a deployment branch.

    Args:
        head: the branch's head; None if the branch does not exist.
        adopted: the head that was there before Tengu; None before the first sight.
        known: a deployment of any outcome exists for the head.
        shown_before: GitHub shows a deployment of it by Tengu that our record does not have.
        descends: the head contains the last recorded commit (or the adopted one).
        by_merge: the environment deploys merges (else pushes).
        merged_at: when the pull request whose merge commit the head is was merged; None if there is no such one.
        announced: a signed webhook told of this very merge or push.
        obstacle: a lock, a freeze, open required boxes, a person who is not allowed.
    """

    head: str | None
    adopted: str | None
    known: bool
    shown_before: bool
    descends: bool
    by_merge: bool
    merged_at: datetime | None
    announced: bool
    obstacle: Obstacle | None
    catch_up: timedelta
    now: datetime


@dataclass(frozen=True)
class Nothing:
    """There is nothing to do."""


@dataclass(frozen=True)
class Adopt:
    """Remember the head (or, with `parent`, the head before this merge) and deploy nothing."""

    parent: bool = False


@dataclass(frozen=True)
class Report:
    """Say once that this head will not be deployed, and why."""

    code: str
    fact: str


@dataclass(frozen=True)
class Start:
    """Record a deployment that may start."""


@dataclass(frozen=True)
class Hold:
    """Record a deployment that waits for a person's `resume`."""

    obstacle: Obstacle


Decision = Nothing | Adopt | Report | Start | Hold


def decide(facts: Facts) -> Decision:
    """What to do about what was seen."""
    if facts.head is None:
        return Nothing()
    if facts.adopted is None:
        return Adopt(parent=facts.announced and not _is_late(facts))
    if not facts.descends:  # also if the head was deployed once: somebody moved the branch back
        return Report("forced_push", "the branch was moved to a commit that does not contain what was deployed last")
    if facts.head == facts.adopted or facts.known:
        return Nothing()
    if facts.by_merge and facts.merged_at is None:
        return Report("bare_push", "the branch was moved without merging a pull request")
    if facts.shown_before:
        return Hold(Obstacle("deployed_before", _RESTORED))
    if _is_late(facts):
        return Hold(Obstacle("older_than_catch_up", "it was merged longer ago than `catch_up` allows"))
    return Hold(facts.obstacle) if facts.obstacle else Start()


def _is_late(facts: Facts) -> bool:
    return facts.merged_at is not None and facts.now - facts.merged_at > facts.catch_up

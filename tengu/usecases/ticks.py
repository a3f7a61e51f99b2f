"""The boxes of a deployment pull request as state: which are listed, and whose tick counts.

Three versions of each box are known: what the body shows, what it showed when it was last seen or written
(`in_body`), and what is recorded (`ticked`). Only a difference between the first two is a person's doing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from tengu.domain.changeset import Changeset
from tengu.domain.people import Actor
from tengu.domain.verifiers import Mention, verifiers
from tengu.ports.store import VerificationItem


def listed_items(
    changeset: Changeset, pull_request: int, before: Sequence[VerificationItem], mention: Mention
) -> tuple[VerificationItem, ...]:
    """The boxes that fit a changeset: new ones open, known ones with their ticks, gone ones kept but not listed."""
    known = {item.item: item for item in before}
    listed = {}
    for entry in changeset.entries:
        number, title = entry.pull_request.number, entry.pull_request.title
        asked = tuple(user.login for user in verifiers(entry.pull_request, mention))
        new = VerificationItem(changeset.app, changeset.environment, pull_request, number, title, asked)
        listed[number] = replace(known.get(number, new), title=title, verifiers=asked, listed=True)
    gone = {number: replace(item, listed=False) for number, item in known.items() if number not in listed}
    return tuple(item for _, item in sorted((listed | gone).items()))


def take_over(
    items: Sequence[VerificationItem], boxes: Mapping[int, bool], who: Callable[[int], Actor], now: datetime
) -> tuple[VerificationItem, ...]:
    """Record what people changed in the body since it was last seen; a box that is gone says nothing.

    Args:
        boxes: the body's, by item.
        who: tells who changed the box of an item.
    """
    taken = []
    for item in items:
        box = boxes.get(item.item, item.in_body)
        if box == item.in_body:
            taken.append(item)
        elif box == item.ticked:
            taken.append(replace(item, in_body=box))
        else:
            taken.append(replace(set_tick(item, box, who(item.item), now), in_body=box))
    return tuple(taken)


def set_tick(item: VerificationItem, ticked: bool, actor: Actor, now: datetime) -> VerificationItem:
    """The box ticked by that person now, or open."""
    if not ticked:
        return replace(item, ticked=False, ticked_by=None, ticked_at=None)
    return replace(item, ticked=True, ticked_by=actor, ticked_at=now)


def seen_in(items: Sequence[VerificationItem], boxes: Mapping[int, bool]) -> tuple[VerificationItem, ...]:
    """Remember what the body shows now."""
    return tuple(replace(item, in_body=boxes.get(item.item, item.in_body)) for item in items)

"""The reminder rule: is a person due a ping about their open boxes now, or when next?

A pure function of facts and `now`. Pings are counted from the last one that was sent, not from a schedule: after
a down-time of three days a person gets one ping, not thirty-six.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Generic, Literal, Protocol, TypeVar

_HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-(?:([01]\d|2[0-3]):([0-5]\d)|(24:00))")
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Hours:
    """The part of each day in which people may be pinged; `end` at or before `begin` is on the next day."""

    begin: time
    end: time


def parse_hours(text: str) -> Hours | None:
    """Read `09:00-19:00`, `22:00-06:00` (over midnight), `00:00-24:00`, or `always`, which is None.

    Raises:
        ValueError: it is none of these.
    """
    if text == "always":
        return None
    match = _HOURS.fullmatch(text)
    if match is None:
        raise ValueError('hours are written like "09:00-19:00", or "always"')
    hours = Hours(time(int(match[1]), int(match[2])), time() if match[5] else time(int(match[3]), int(match[4])))
    if hours.begin == hours.end and not match[5]:
        raise ValueError('hours that begin and end at the same time are empty; for day and night write "always"')
    return hours


@dataclass(frozen=True)
class ReminderRule:
    """When people are pinged.

    Args:
        every: time between two pings of one person.
        until: how long after the start pings stop, with one summary.
        hours: None means day and night, on every day of the week.
        days: weekdays on which the hours may begin, 0 is Monday; not empty.
    """

    every: timedelta
    until: timedelta
    hours: Hours | None
    days: frozenset[int]


class Box(Protocol):
    """What the rule needs to know of a box: `tengu.ports.store.VerificationItem` is one."""

    @property
    def verifiers(self) -> tuple[str, ...]:
        """GitHub logins that are asked for it."""

    @property
    def ticked(self) -> bool:
        """True once it is verified."""

    @property
    def listed(self) -> bool:
        """False once it left the changeset."""

    @property
    def pinged_at(self) -> datetime | None:
        """When somebody was last reminded of it."""

    @property
    def summarised(self) -> bool:
        """True once it stood in a summary: nobody hears of it again."""


B = TypeVar("B", bound=Box)


@dataclass(frozen=True)
class Reminder(Generic[B]):
    """What to do for one person.

    Args:
        action: `ping` now; `summary`: the last message, now; `wait` until `at`; `nothing` ever, as things stand.
        boxes: what the message is about (with `wait`: would be about).
        at: when it is, or was, due; aware, UTC; None with `nothing`.
    """

    action: Literal["ping", "summary", "wait", "nothing"]
    boxes: tuple[B, ...] = ()
    at: datetime | None = None


def open_boxes(boxes: Iterable[B]) -> tuple[B, ...]:
    """Those that somebody still has to tick."""
    return tuple(box for box in boxes if box.listed and not box.ticked)


def boxes_by_verifier(boxes: Iterable[B]) -> Mapping[str, tuple[B, ...]]:
    """All boxes of each login that has an open one, ticked ones too (their pings count); logins in first-seen order."""
    everything = tuple(boxes)
    logins = dict.fromkeys(login for box in open_boxes(everything) for login in box.verifiers)
    return {login: tuple(box for box in everything if login in box.verifiers) for login in logins}


def decide_reminder(
    rule: ReminderRule, boxes: Sequence[B], started_at: datetime | None, zone: tzinfo, now: datetime
) -> Reminder[B]:
    """What one person gets now.

    Args:
        boxes: all boxes of the person in one deployment pull request.
        started_at: when the pull request was opened, or deployed, as `remind_from` says; None if it is not yet,
            or if the pull request was closed unmerged.
        zone: the person's own time zone.
        now: aware.
    """
    todo = open_boxes(boxes)
    if not todo or started_at is None:
        return Reminder("nothing")
    stop = started_at + rule.until
    due = next_allowed(rule, zone, _last_ping(boxes, started_at) + rule.every)
    if due < stop and now < stop:
        return _when_due("ping", todo, max(due, next_allowed(rule, zone, now)), now)
    unsaid = tuple(box for box in todo if not box.summarised)
    if not unsaid:
        return Reminder("nothing")
    return _when_due("summary", unsaid, next_allowed(rule, zone, max(stop, now)), now)


def next_allowed(rule: ReminderRule, zone: tzinfo, at: datetime) -> datetime:
    """The first moment from `at` on that lies in the rule's hours and days; aware, UTC."""
    at = at.astimezone(UTC)
    if rule.hours is None:
        return at
    return next(max(at, begin) for begin, end in _windows(rule, rule.hours, zone, at) if at < end)


def _windows(rule: ReminderRule, hours: Hours, zone: tzinfo, at: datetime) -> Iterator[tuple[datetime, datetime]]:
    """The windows from the day before `at` on, for ever; those that a change of the clocks swallows are left out."""
    day = at.astimezone(zone).date() - _DAY
    while True:
        if day.weekday() in rule.days:
            last = day + _DAY if hours.end <= hours.begin else day
            begin = datetime.combine(day, hours.begin, zone).astimezone(UTC)
            end = datetime.combine(last, hours.end, zone).astimezone(UTC)
            if begin < end:
                yield begin, end
        day += _DAY


def _last_ping(boxes: Iterable[Box], started_at: datetime) -> datetime:
    return max([started_at, *(box.pinged_at for box in boxes if box.pinged_at is not None)])


def _when_due(action: Literal["ping", "summary"], boxes: tuple[B, ...], at: datetime, now: datetime) -> Reminder[B]:
    return Reminder(action if at <= now else "wait", boxes, at)

"""Freezes: windows in which nobody deploys, every week or once.

A moment is written as wall-clock time in the settings' time zone: `fri 16:00`, or `2026-12-29 18:00`. A wall-clock
time that the clocks skip is taken an hour later, one that comes twice is taken the first time (PEP 495, fold 0).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_MOMENT = re.compile(r"(?:(mon|tue|wed|thu|fri|sat|sun)|(\d{4}-\d\d-\d\d)) (\d\d:\d\d)")
_LONGEST_CHAIN = timedelta(days=366)


@dataclass(frozen=True)
class WeekMoment:
    """A wall-clock time on a weekday, 0 is Monday."""

    weekday: int
    at: time


def parse_moment(text: str) -> WeekMoment | datetime:
    """Read `fri 16:00`, or `2026-12-29 18:00` (a datetime without a zone).

    Raises:
        ValueError: it is neither, or there is no such date or time.
    """
    match = _MOMENT.fullmatch(text)
    if match is None:
        raise ValueError('a freeze begins and ends at a time like "fri 16:00" or "2026-12-29 18:00"')
    weekday, day, clock = match.groups()
    try:
        at = time.fromisoformat(clock)
        return WeekMoment(WEEKDAYS.index(weekday), at) if weekday else datetime.combine(date.fromisoformat(day), at)
    except ValueError as error:
        raise ValueError(f"there is no such time as {text!r}") from error


@dataclass(frozen=True)
class WeeklyFreeze:
    """In force every week from `begin` up to, and not including, `end`."""

    begin: WeekMoment
    end: WeekMoment
    why: str = ""

    def windows(self, zone: tzinfo, at: datetime) -> Iterator[tuple[datetime, datetime]]:
        """The windows that may contain `at`: those that begin in the eight days before it."""
        days = (self.end.weekday - self.begin.weekday) % 7
        if days == 0 and self.end.at < self.begin.at:
            days = 7
        today = at.astimezone(zone).date()
        for back in range(-1, 9):
            day = today - timedelta(days=back)
            if day.weekday() == self.begin.weekday:
                end = datetime.combine(day + timedelta(days=days), self.end.at)
                yield _instant(datetime.combine(day, self.begin.at), zone), _instant(end, zone)


@dataclass(frozen=True)
class DatedFreeze:
    """In force once, from `begin` up to, and not including, `end`; both without a zone."""

    begin: datetime
    end: datetime
    why: str = ""

    def windows(self, zone: tzinfo, _at: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Its one window."""
        yield _instant(self.begin, zone), _instant(self.end, zone)


FreezeWindow = WeeklyFreeze | DatedFreeze


def parse_freeze(begin: str, end: str, why: str = "") -> FreezeWindow:
    """Read a window from its two ends and the reason that people are told (may be empty).

    Raises:
        ValueError: an end cannot be read, one is weekly and the other dated, or the window is empty.
    """
    first, last = parse_moment(begin), parse_moment(end)
    if first == last:
        raise ValueError("the freeze ends when it begins; give it two different times")
    if isinstance(first, WeekMoment) and isinstance(last, WeekMoment):
        return WeeklyFreeze(first, last, why)
    if isinstance(first, WeekMoment) or isinstance(last, WeekMoment):
        raise ValueError("both ends of a freeze are weekdays, or both are dates")
    if last < first:
        raise ValueError("the freeze ends before it begins")
    return DatedFreeze(first, last, why)


@dataclass(frozen=True)
class FreezeInForce:
    """What is known about the freeze at some moment.

    Args:
        until: when deploying is possible again, aware, UTC: freezes that overlap or touch count as one. None if
            they follow each other for more than a year.
        why: the reasons of those in force at the moment itself, joined; may be empty.
    """

    until: datetime | None
    why: str


def freeze_in_force(freezes: Sequence[FreezeWindow], zone: tzinfo, now: datetime) -> FreezeInForce | None:
    """The freeze in force at `now` (aware), or None.

    Args:
        zone: the settings' time zone, in which the windows are written.
    """
    active = [freeze for freeze in freezes if _end_of(freeze, zone, now) is not None]
    if not active:
        return None
    why = "; ".join(dict.fromkeys(freeze.why for freeze in active if freeze.why))
    return FreezeInForce(_end_of_chain(freezes, zone, now), why)


def _end_of_chain(freezes: Sequence[FreezeWindow], zone: tzinfo, now: datetime) -> datetime | None:
    until = now
    while ends := [end for freeze in freezes if (end := _end_of(freeze, zone, until)) is not None]:
        until = max(ends)
        if until - now > _LONGEST_CHAIN:
            return None
    return until


def _end_of(freeze: FreezeWindow, zone: tzinfo, at: datetime) -> datetime | None:
    """When the window that contains `at` ends; None if none does."""
    return next((end for begin, end in freeze.windows(zone, at) if begin <= at < end), None)


def _instant(wall: datetime, zone: tzinfo) -> datetime:
    return wall.replace(tzinfo=zone).astimezone(UTC)

"""The reminder rule: a table of cases, and what holds always."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tengu.domain.reminders import (
    Reminder,
    ReminderRule,
    boxes_by_verifier,
    decide_reminder,
    next_allowed,
    parse_hours,
)

TOKYO = ZoneInfo("Asia/Tokyo")
BERLIN = ZoneInfo("Europe/Berlin")
WORKDAYS = frozenset(range(5))


@dataclass(frozen=True)
class Box:
    item: int
    verifiers: tuple[str, ...] = ("alice",)
    ticked: bool = False
    listed: bool = True
    pinged_at: datetime | None = None
    summarised: bool = False


def at(text: str, zone: ZoneInfo = TOKYO) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)


def rule(hours: str = "09:00-19:00", days: frozenset[int] = WORKDAYS, every: int = 2, until: int = 7) -> ReminderRule:
    return ReminderRule(timedelta(hours=every), timedelta(days=until), parse_hours(hours), days)


OPENED = at("2026-11-18 10:00")  # a Wednesday


@pytest.mark.parametrize(
    ("now", "last_ping", "action", "due"),
    [
        pytest.param("2026-11-18 11:59", None, "wait", "2026-11-18 12:00", id="too early"),
        pytest.param("2026-11-18 12:00", None, "ping", "2026-11-18 12:00", id="the first, remind_every after opening"),
        pytest.param("2026-11-18 13:00", "2026-11-18 12:05", "wait", "2026-11-18 14:05", id="counted from the last"),
        pytest.param("2026-11-18 19:00", "2026-11-18 18:00", "wait", "2026-11-19 09:00", id="after hours"),
        pytest.param("2026-11-18 19:00", "2026-11-18 16:59", "wait", "2026-11-19 09:00", id="missed, hours are over"),
        pytest.param("2026-11-19 08:59", "2026-11-18 18:00", "wait", "2026-11-19 09:00", id="before hours"),
        pytest.param("2026-11-19 09:00", "2026-11-18 18:00", "ping", "2026-11-19 09:00", id="at their beginning"),
        pytest.param("2026-11-21 12:00", "2026-11-20 18:30", "wait", "2026-11-23 09:00", id="the weekend"),
        pytest.param("2026-11-24 12:00", "2026-11-18 12:00", "ping", "2026-11-24 12:00", id="down for days: one"),
        pytest.param("2026-11-25 09:30", "2026-11-25 09:00", "wait", "2026-11-25 10:00", id="next would be too late"),
        pytest.param("2026-11-25 10:00", "2026-11-25 09:00", "summary", "2026-11-25 10:00", id="remind_until"),
        pytest.param("2026-11-28 12:00", None, "wait", "2026-11-30 09:00", id="down past the end: summary in hours"),
    ],
)
def test_when_a_ping_is_due(now: str, last_ping: str | None, action: str, due: str) -> None:
    box = Box(7, pinged_at=at(last_ping) if last_ping else None)
    assert decide_reminder(rule(), [box], OPENED, TOKYO, at(now)) == Reminder(action, (box,), at(due))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("boxes", "started_at"),
    [
        pytest.param([Box(7, ticked=True)], OPENED, id="all ticked"),
        pytest.param([Box(7, listed=False)], OPENED, id="left the changeset"),
        pytest.param([Box(7)], None, id="not deployed yet, or closed unmerged"),
        pytest.param([], OPENED, id="no boxes"),
    ],
)
def test_when_there_is_nothing_to_remind_of(boxes: list[Box], started_at: datetime | None) -> None:
    assert decide_reminder(rule(), boxes, started_at, TOKYO, at("2026-11-18 15:00")) == Reminder("nothing")


def test_a_box_that_was_pinged_and_ticked_still_spaces_the_pings() -> None:
    boxes = [Box(1, ticked=True, pinged_at=at("2026-11-18 14:00")), Box(2)]
    found = decide_reminder(rule(), boxes, OPENED, TOKYO, at("2026-11-18 15:00"))
    assert found == Reminder("wait", (boxes[1],), at("2026-11-18 16:00"))


def test_the_summary_comes_once() -> None:
    now = at("2026-11-26 12:00")
    done = Box(7, summarised=True)
    assert decide_reminder(rule(), [done], OPENED, TOKYO, now) == Reminder("nothing")
    late = Box(8)
    assert decide_reminder(rule(), [done, late], OPENED, TOKYO, now).boxes == (late,)


def test_hours_are_the_persons_own() -> None:
    """09:00 in Tokyo is 01:00 in Berlin."""
    now = at("2026-11-19 09:00", TOKYO)
    assert decide_reminder(rule(), [Box(7)], OPENED, TOKYO, now).action == "ping"
    found = decide_reminder(rule(), [Box(7)], OPENED, BERLIN, now)
    assert (found.action, found.at) == ("wait", at("2026-11-19 09:00", BERLIN))


@pytest.mark.parametrize(
    ("hours", "now", "allowed"),
    [
        ("always", "2026-11-22 03:00", "2026-11-22 03:00"),  # a Sunday: `always` switches the days off too
        ("22:00-06:00", "2026-11-18 21:59", "2026-11-18 22:00"),
        ("22:00-06:00", "2026-11-19 05:59", "2026-11-19 05:59"),
        ("22:00-06:00", "2026-11-19 06:00", "2026-11-19 22:00"),
        ("22:00-06:00", "2026-11-21 05:00", "2026-11-21 05:00"),  # Saturday morning belongs to Friday's night
        ("22:00-06:00", "2026-11-23 05:00", "2026-11-23 22:00"),  # Monday morning to Sunday's, which is not a workday
        ("00:00-24:00", "2026-11-20 23:59", "2026-11-20 23:59"),
        ("00:00-24:00", "2026-11-21 00:00", "2026-11-23 00:00"),
        ("20:00-24:00", "2026-11-19 00:00", "2026-11-19 20:00"),
    ],
)
def test_hours_and_days(hours: str, now: str, allowed: str) -> None:
    assert next_allowed(rule(hours), TOKYO, at(now)) == at(allowed)


def test_hours_that_a_clock_change_swallows_wait_for_the_next_day() -> None:
    """In Berlin 02:30 of 2027-03-28 becomes 03:30, after this window's end."""
    every_day = rule("02:30-03:15", frozenset(range(7)))
    assert next_allowed(every_day, BERLIN, at("2027-03-28 01:00", BERLIN)) == at("2027-03-29 02:30", BERLIN)


@pytest.mark.parametrize("text", ["", "9-19", "09:00-25:00", "24:00-06:00", "09:00", "Always", "09:00-09:00"])
def test_hours_that_cannot_be_read(text: str) -> None:
    with pytest.raises(ValueError, match="hours"):
        parse_hours(text)


def test_boxes_are_sorted_by_person() -> None:
    both, hers, his_done = Box(1, ("alice", "bob")), Box(2, ("alice",), ticked=True), Box(3, ("carol",), ticked=True)
    assert boxes_by_verifier([both, hers, his_done]) == {"alice": (both, hers), "bob": (both,)}


RULES = st.builds(
    rule,
    st.sampled_from(["always", "09:00-19:00", "22:00-06:00", "00:00-24:00", "02:15-02:45"]),
    st.frozensets(st.integers(0, 6), min_size=1),
    st.integers(1, 50),
    st.integers(1, 20),
)
ZONES = st.sampled_from([TOKYO, BERLIN, ZoneInfo("America/St_Johns"), ZoneInfo("Pacific/Apia")])
STARTS = st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001


@given(RULES, ZONES, STARTS)
def test_what_is_allowed_next_is_allowed(some: ReminderRule, zone: ZoneInfo, now: datetime) -> None:
    found = next_allowed(some, zone, now)
    assert found >= now
    assert next_allowed(some, zone, found) == found


@given(RULES, ZONES, STARTS, st.lists(st.floats(0.02, 200), min_size=1, max_size=60))
def test_a_life_of_ticks_of_the_clock(some: ReminderRule, zone: ZoneInfo, start: datetime, gaps: list[float]) -> None:
    """However irregularly it is asked: pings keep their distance and hours, then one summary, then silence."""
    box, now, sent = Box(1), start, list[tuple[str, datetime]]()
    for gap in [*gaps, 24 * 40]:
        now += timedelta(hours=gap)
        found = decide_reminder(some, [box], start, zone, now)
        assert found.action != "wait" or (found.at is not None and found.at > now)
        if found.action in ("ping", "summary"):
            assert next_allowed(some, zone, now) == now
            sent.append((found.action, now))
            box = replace(box, pinged_at=now, summarised=found.action == "summary")
    pings = [when for action, when in sent if action == "ping"]
    assert all(later - earlier >= some.every for earlier, later in zip([start, *pings], pings, strict=False))
    assert all(when < start + some.until for when in pings)
    assert [action for action, _ in sent].count("summary") <= 1
    assert "summary" not in [action for action, _ in sent[:-1]]


@given(RULES, ZONES, STARTS, st.floats(0, 600))
def test_waiting_until_it_is_due_is_enough(some: ReminderRule, zone: ZoneInfo, start: datetime, hours: float) -> None:
    found = decide_reminder(some, [Box(1)], start, zone, start + timedelta(hours=hours))
    assert found.at is not None
    assert found.action != "wait" or decide_reminder(some, [Box(1)], start, zone, found.at).action != "wait"

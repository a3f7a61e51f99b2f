"""Freezes: weekly ones round the week's end, dated ones, clock changes, and chains of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tengu.domain.freeze import WEEKDAYS, FreezeInForce, FreezeWindow, freeze_in_force, parse_freeze

TOKYO = ZoneInfo("Asia/Tokyo")
BERLIN = ZoneInfo("Europe/Berlin")
WEEKEND = parse_freeze("fri 16:00", "mon 08:00", "weekend")
NEW_YEAR = parse_freeze("2026-12-29 18:00", "2027-01-04 09:00", "new year")


def at(text: str, zone: ZoneInfo = TOKYO) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-11-20 15:59", None),  # a Friday
        ("2026-11-20 16:00", "2026-11-23 08:00"),
        ("2026-11-22 12:00", "2026-11-23 08:00"),
        ("2026-11-23 07:59", "2026-11-23 08:00"),
        ("2026-11-23 08:00", None),
    ],
)
def test_weekly_freeze_wraps_over_the_weeks_end(now: str, until: str | None) -> None:
    found = freeze_in_force([WEEKEND], TOKYO, at(now))
    assert found == (FreezeInForce(at(until), "weekend") if until else None)


def test_weekly_freeze_of_almost_a_week() -> None:
    freeze = parse_freeze("wed 09:00", "wed 08:00")
    assert freeze_in_force([freeze], TOKYO, at("2026-11-18 08:30")) is None
    assert freeze_in_force([freeze], TOKYO, at("2026-11-25 07:00")) == FreezeInForce(at("2026-11-25 08:00"), "")


def test_dated_freeze_is_in_force_once() -> None:
    assert freeze_in_force([NEW_YEAR], TOKYO, at("2026-12-29 17:59")) is None
    assert freeze_in_force([NEW_YEAR], TOKYO, at("2026-12-31 00:00")) == FreezeInForce(
        at("2027-01-04 09:00"), "new year"
    )
    assert freeze_in_force([NEW_YEAR], TOKYO, at("2027-12-31 00:00")) is None


def test_freezes_that_touch_end_together_and_say_why_now() -> None:
    """The weekend ends on Monday at 08:00, but the dated freeze holds until 09:00 of the same day."""
    found = freeze_in_force([WEEKEND, NEW_YEAR], TOKYO, at("2026-12-26 12:00"))
    assert found == FreezeInForce(at("2026-12-28 08:00"), "weekend")
    found = freeze_in_force([WEEKEND, NEW_YEAR], TOKYO, at("2027-01-02 12:00"))
    assert found == FreezeInForce(at("2027-01-04 09:00"), "weekend; new year")


def test_freezes_without_end_have_no_until() -> None:
    for_ever = [parse_freeze("mon 00:00", "thu 00:00"), parse_freeze("thu 00:00", "mon 00:00")]
    assert freeze_in_force(for_ever, TOKYO, at("2026-11-20 12:00")) == FreezeInForce(None, "")


def test_clock_changes_move_the_instant_not_the_wall_clock() -> None:
    """Berlin goes from +02:00 to +01:00 on 2026-10-25 and back on 2027-03-28."""
    freeze = parse_freeze("sat 12:00", "sun 12:00")
    for start, hours in (("2026-10-24 12:00", 25), ("2027-03-27 12:00", 23), ("2026-11-21 12:00", 24)):
        begin = at(start, BERLIN).astimezone(UTC)
        assert freeze_in_force([freeze], BERLIN, begin) == FreezeInForce(begin + timedelta(hours=hours), "")


def test_a_wall_clock_time_that_does_not_exist_is_an_hour_later() -> None:
    freeze = parse_freeze("2027-03-28 02:30", "2027-03-28 05:00")
    assert freeze_in_force([freeze], BERLIN, datetime(2027, 3, 28, 1, 29, tzinfo=UTC)) is None
    assert freeze_in_force([freeze], BERLIN, datetime(2027, 3, 28, 1, 30, tzinfo=UTC)) is not None


@pytest.mark.parametrize(
    ("begin", "end", "says"),
    [
        ("friday 16:00", "mon 08:00", "like"),
        ("fri 16:00", "2026-12-29 18:00", "both"),
        ("fri 16:00", "fri 16:00", "two different times"),
        ("2026-12-29 18:00", "2026-12-28 18:00", "before it begins"),
        ("2026-02-30 18:00", "2026-12-28 18:00", "no such time"),
        ("fri 24:00", "mon 08:00", "no such time"),
        ("fri 16:00 ", "mon 08:00", "like"),
    ],
)
def test_what_cannot_be_read_says_why(begin: str, end: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse_freeze(begin, end)


MOMENTS = st.builds("{} {:02}:{:02}".format, st.sampled_from(WEEKDAYS), st.integers(0, 23), st.integers(0, 59))
WINDOWS = st.tuples(MOMENTS, MOMENTS).filter(lambda pair: pair[0] != pair[1]).map(lambda pair: parse_freeze(*pair))
INSTANTS = st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001


@given(st.lists(WINDOWS, min_size=1, max_size=4), INSTANTS, st.sampled_from([TOKYO, BERLIN]))
def test_nothing_is_frozen_when_it_is_said_to_end(freezes: list[FreezeWindow], now: datetime, zone: ZoneInfo) -> None:
    found = freeze_in_force(freezes, zone, now)
    if found is None or found.until is None:
        return
    assert found.until > now
    assert freeze_in_force(freezes, zone, found.until) is None
    assert freeze_in_force(freezes, zone, found.until - timedelta(microseconds=1)) is not None


@given(WINDOWS, INSTANTS)
def test_a_window_and_its_complement_share_out_the_week(window: FreezeWindow, now: datetime) -> None:
    complement = type(window)(window.end, window.begin)  # type: ignore[arg-type]  # both are weekly here
    first, second = freeze_in_force([window], TOKYO, now), freeze_in_force([complement], TOKYO, now)
    assert (first is None) != (second is None)

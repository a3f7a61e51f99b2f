"""Whoever has not verified hears of it: every two hours, within their hours, once."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tengu.sandbox.slack import Person
from tests.stories.story import Story

TOKYO = ZoneInfo("Asia/Tokyo")
OFFICE = {"hours": "09:00-19:00", "remind_every": "2h"}


def _monday(story: Story, hour: int) -> datetime:
    """Next Monday at that hour in Tokyo."""
    today = story.clock.now().astimezone(TOKYO)
    return (today + timedelta(days=7 - today.weekday())).replace(hour=hour, minute=0, second=0, microsecond=0)


def _at(story: Story, when: datetime) -> None:
    """Time passes until then; Tengu looks."""
    story.clock.set(when)
    story.looks()


@pytest.fixture
def monday(story: Story) -> datetime:
    """Monday, ten o'clock in Tokyo: two changes of alice's and one of bob's wait in a deployment pull request."""
    story.configure(verification=OFFICE)
    ten = _monday(story, 10)
    story.clock.set(ten)
    for title, by in (("Show the cart", "alice"), ("Sell fans", "alice"), ("Ship it", "bob")):
        story.change(title, by=by)
    story.opens("carol")
    return ten


def test_one_message_each_every_two_hours_within_the_hours(story: Story, monday: datetime) -> None:
    _at(story, monday + timedelta(hours=1, minutes=59))
    assert story.direct("alice") == []
    _at(story, monday + timedelta(hours=2))
    (ping,) = story.direct("alice")
    assert ping.startswith("2 changes of yours are about to be deployed to *web production* and not verified yet:")
    assert "Show the cart" in ping and "Sell fans" in ping and "Ship it" not in ping
    assert "[Verified #1] [Verified #2]" in ping
    assert "`@tengu verify #1 #2`" in ping
    assert len(story.direct("bob")) == 1
    _at(story, monday + timedelta(hours=2, minutes=1))
    assert len(story.direct("alice")) == 1
    for hours in (4, 6, 8, 9):
        _at(story, monday + timedelta(hours=hours))
    assert len(story.direct("alice")) == 4
    for hours in (10, 14, 20, 22):  # 20:00 to 08:00: nobody is woken
        _at(story, monday + timedelta(hours=hours))
    assert len(story.direct("alice")) == 4
    _at(story, monday + timedelta(hours=23))
    assert len(story.direct("alice")) == 5


def test_it_stops_at_the_tick(story: Story, monday: datetime) -> None:
    story.says("bob", "verify #3")
    story.repository.tick(story.deployment_pull_request, "Show the cart", by="alice")
    story.settle()
    _at(story, monday + timedelta(hours=2))
    assert story.direct("bob") == []
    (ping,) = story.direct("alice")
    assert ping.startswith("1 change of yours is about") and "Show the cart" not in ping


def test_it_stops_when_the_pull_request_is_closed_unmerged(story: Story, monday: datetime) -> None:
    story.repository.close(story.deployment_pull_request, by="carol")
    story.settle()
    _at(story, monday + timedelta(hours=4))
    assert story.direct("alice") == []
    story.repository.reopen(story.deployment_pull_request, by="carol")
    story.settle()
    _at(story, monday + timedelta(hours=5))
    assert len(story.direct("alice")) == 1


def test_it_goes_on_after_the_merge(story: Story, monday: datetime) -> None:
    story.merges("carol")
    assert story.outcomes() == ["succeeded"]
    _at(story, monday + timedelta(hours=2))
    (ping,) = story.direct("alice")
    assert ping.startswith("2 changes of yours are live in *web production* and not verified yet:")


def test_after_a_week_one_summary_and_then_silence(story: Story, monday: datetime) -> None:
    _at(story, monday + timedelta(days=7, hours=1))
    (summary,) = story.direct("alice")
    assert "stayed unverified since" in summary and "I will not remind you of these again" in summary
    for days in (8, 9, 15):
        _at(story, monday + timedelta(days=days))
    assert len(story.direct("alice")) == 1


def test_a_second_process_and_a_restart_do_not_double_it(story: Story, monday: datetime) -> None:
    other = story.another()
    story.clock.set(monday + timedelta(hours=2))
    story.tengu.use_cases.remind()
    other.use_cases.remind()
    story.settle()
    story.configure()
    story.looks()
    assert len(story.direct("alice")) == 1


def test_after_days_away_there_is_one_ping_and_no_burst(story: Story, monday: datetime) -> None:
    _at(story, monday + timedelta(days=3))
    _at(story, monday + timedelta(days=3, minutes=1))
    assert len(story.direct("alice")) == 1


def test_somebody_unknown_in_slack_is_named_in_the_thread(story: Story) -> None:
    story.world.github.account("erin")
    story.repository.allow("erin", "write")
    story.change("Erin's", by="erin")
    story.opens("carol")
    story.passes(hours=2)
    ping = story.message("not verified yet")
    assert ping.channel == "C0DEPLOY" and ping.thread_ts
    assert story.read(ping).startswith("`erin`: 1 change of yours")


def test_somebody_is_found_by_e_mail(story: Story) -> None:
    story.world.github.account("erin", email="erin@example.com")
    story.repository.allow("erin", "write")
    story.slack.add_person(Person("U0ERIN", "erin", "erin@example.com"))
    story.change("Erin's", by="erin")
    story.opens("carol")
    story.passes(hours=2)
    assert len(story.said("D0ERIN")) == 1


def test_each_has_hours_of_their_own(story: Story, monday: datetime) -> None:
    """Eleven o'clock on Monday in Tokyo is three in the morning in Berlin."""
    story.slack.people["U0BOB"].tz = "Europe/Berlin"
    _at(story, monday + timedelta(hours=2))
    assert len(story.direct("alice")) == 1
    assert story.direct("bob") == []
    _at(story, monday + timedelta(hours=8))
    assert len(story.direct("bob")) == 1


def test_remind_pings_at_once_whatever_the_hour(story: Story, monday: datetime) -> None:
    story.clock.set(monday + timedelta(hours=13))
    assert story.says("dave", "remind production") == "Reminded @alice, @bob."
    assert len(story.direct("alice")) == 1
    story.says("dave", "verify #1 #2 #3")
    assert "there is nobody to remind" in story.says("dave", "remind production")


def test_slack_away_for_a_reminder_loses_nothing(story: Story, monday: datetime) -> None:
    story.world.slack.faults.down = True
    _at(story, monday + timedelta(hours=2))
    story.world.slack.faults.down = False
    story.retry()
    assert len(story.direct("alice")) == 1


def test_a_box_asks_only_in_the_newest_pull_request_that_lists_it(story: Story, monday: datetime) -> None:
    story.world.aws.simulation.broken = {"@sha256"}
    story.merges("carol")
    story.world.aws.simulation.broken = set()
    story.change("Repair", by="bob")
    story.opens("carol")
    _at(story, monday + timedelta(hours=3))
    assert len(story.direct("alice")) == 1
    assert len(story.direct("bob")) == 1

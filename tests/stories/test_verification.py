"""Boxes: who ticks them, from where, and what is shown and recorded."""

from __future__ import annotations

import pytest

from tengu.domain.deployment_pull_request import parse_ticks
from tengu.ports.store import VerificationItem
from tests.stories.story import PRODUCTION, WEB, Story


@pytest.fixture
def number(story: Story) -> int:
    """A deployment pull request with two changes of alice's."""
    story.change("Show the cart", by="alice")
    story.change("Sell fans", by="alice")
    return story.opens("carol")


def _item(story: Story, number: int, item: int) -> VerificationItem:
    items = {each.item: each for each in story.store.verifications.items(WEB, PRODUCTION, number)}
    return items[item]


def test_verify_in_slack_ticks_the_box_on_github(story: Story, number: int) -> None:
    answer = story.says("alice", "verify #1")
    assert answer.startswith(":white_check_mark: #1 verified in #3")
    assert answer.endswith("(web production). Still open: #2.")
    assert parse_ticks(story.body(number)) == {1: True, 2: False}
    assert str(_item(story, number, 1).ticked_by) == "slack:U0ALICE"
    again = story.says("bob", "verify 1")
    assert "#1 was verified already by @alice" in again


def test_unverify_opens_it_again(story: Story, number: int) -> None:
    story.says("alice", "verify #1 #2")
    assert "All verified." in story.said(thread=True)[-1]
    answer = story.says("alice", "unverify #1")
    assert answer.startswith("#1 is open again in #3")
    assert parse_ticks(story.body(number)) == {1: False, 2: True}


def test_a_button_in_the_reminder_ticks(story: Story, number: int) -> None:
    story.passes(hours=2)
    answer = story.presses("alice", story.message("not verified yet", "D0ALICE"), "Verified #2")
    assert "#2 verified in #3" in answer
    assert parse_ticks(story.body(number)) == {1: False, 2: True}
    assert str(_item(story, number, 2).ticked_by) == "slack:U0ALICE"


def test_a_tick_on_github_by_somebody_else_is_recorded_as_theirs(story: Story, number: int) -> None:
    story.repository.tick(number, "Show the cart", by="dave")
    story.settle()
    assert _item(story, number, 1).ticked
    assert str(_item(story, number, 1).ticked_by) == "github:dave"
    assert [str(event.actor) for event in story.events("tick")] == ["github:dave"]
    story.repository.untick(number, "Show the cart", by="bob")
    story.settle()
    assert not _item(story, number, 1).ticked
    assert [str(event.actor) for event in story.events("untick")] == ["github:bob"]


def test_a_tick_whose_webhook_is_lost_is_kept_at_the_next_refresh(story: Story, number: int) -> None:
    story.world.github.webhooks.configure(None)
    story.repository.tick(number, "Show the cart", by="dave")
    story.world.listen(story.url)
    story.says("carol", "deploy production")
    assert _item(story, number, 1).ticked
    assert parse_ticks(story.body(number)) == {1: True, 2: False}


def test_a_number_without_a_box_is_refused(story: Story, number: int) -> None:
    refused = story.says("alice", "verify #1 #77")
    assert refused.startswith(":no_entry: #77 stands in no deployment pull request.")
    assert "(`no_such_box`)" in refused
    assert not _item(story, number, 1).ticked


def test_after_the_merge_boxes_still_take_ticks(story: Story, number: int) -> None:
    story.merges("carol")
    assert "#1 verified in #3" in story.says("alice", "verify #1")
    assert parse_ticks(story.body(number)) == {1: True, 2: False}
    story.repository.tick(number, "Sell fans", by="alice")
    story.settle()
    assert "is still to verify" not in story.says("carol", "status production")


def test_what_an_older_pull_request_asks_for_is_in_the_status_too(story: Story, number: int) -> None:
    story.merges("carol")
    story.change("Newer", by="bob")
    story.opens("carol")
    status = story.says("carol", "status production")
    assert "@alice is still to verify #1, #2" in status and "@bob is still to verify #4" in status
    assert story.says("dave", "remind production") == "Reminded @bob, @alice."


def test_status_says_who_owes_what(story: Story, number: int) -> None:
    story.says("alice", "verify #1")
    status = story.says("carol", "status production")
    assert ":ballot_box_with_check: @alice is still to verify #2" in status
    assert "is ready to merge" in status

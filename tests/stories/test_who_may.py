"""Who may do what, and what the others read."""

from __future__ import annotations

from tengu.sandbox.faults import Fault
from tengu.sandbox.slack import Person
from tests.stories.story import Story


def _join(story: Story, person: Person, channel: str | None = "C0DEPLOY") -> None:
    story.slack.add_person(person)
    if channel:
        story.slack.channels[channel].members.append(person.id)


def test_guests_strangers_and_people_of_other_channels_are_refused(story: Story) -> None:
    _join(story, Person("U0GUEST", "gustav", guest=True))
    _join(story, Person("U0OTHER", "olga", stranger=True))
    _join(story, Person("U0LONER", "lena"), None)
    story.slack.add_channel("C0ELSE", "random", ["U0LONER"])
    for user, channel, code in (
        ("U0GUEST", "C0DEPLOY", "guest"),
        ("U0OTHER", "C0DEPLOY", "stranger"),
        ("U0LONER", "C0ELSE", "not_in_channel"),
    ):
        answer = story.says(user, "deploy production", channel)
        assert answer.startswith(":no_entry: You") and f"(`{code}`)" in answer
    assert story.open_pull_requests == []
    assert {event.outcome for event in story.events("deploy")} == {"refused"}


def test_reading_commands_are_refused_to_outsiders_too(story: Story) -> None:
    _join(story, Person("U0LONER", "lena"), None)
    for command in ("status", "history production", "diff production", "verify #1"):
        assert ":no_entry:" in story.writes("U0LONER", command), command


def test_only_deployers_may_change_what_runs(story: Story) -> None:
    story.configure(deployers=["U0CAROL"])
    for command in ("lock production", "cancel production", "retry production", "resume production",
                    "rollback production", "unlock production"):  # fmt: skip
        answer = story.says("dave", command)
        assert "You are not one of the deployers of production of web." in answer
        assert "(`not_a_deployer`)" in answer
    assert "is locked" in story.says("carol", "lock production")
    story.change()
    assert "Opened" in story.says("dave", "deploy production")


def test_a_user_group_may_deploy(story: Story) -> None:
    story.slack.add_group("S0OPS", ["U0DAVE"])
    story.configure(deployers=["S0OPS"])
    assert "is locked" in story.says("dave", "lock production")
    assert "(`not_a_deployer`)" in story.says("carol", "unlock production")


def test_a_merge_by_somebody_who_is_no_deployer_is_held(story: Story) -> None:
    story.configure(deployers=["U0CAROL"])
    story.change()
    story.opens("carol")
    story.merges("dave")
    assert story.outcomes() == ["held"]
    status = story.read(story.message("(deployment 1)"))
    assert "dave, who merged this, is not known to be one of the deployers" in status
    assert "(`not_a_deployer`)" in story.says("dave", "resume production")
    story.says("carol", "resume production")
    assert story.outcomes() == ["succeeded"]


def test_a_merge_by_an_account_nobody_knows_is_held_only_where_deployers_are_listed(story: Story) -> None:
    story.world.github.account("erin")
    story.repository.allow("erin", "write")
    story.change()
    story.opens("carol")
    story.merges("erin")
    assert story.outcomes() == ["succeeded"]
    story.configure(deployers=["U0CAROL"])
    story.change()
    story.opens("carol")
    story.merges("erin")
    assert story.outcomes() == ["succeeded", "held"]


def test_slack_away_for_membership_is_a_service_error_and_no_refusal(story: Story) -> None:
    fault = story.world.slack.faults.add(Fault("users.info", status=503, times=-1))
    story.change()
    answer = story.says("carol", "deploy production")
    assert answer.startswith(":hourglass: Slack does not answer `users.info` at the moment")
    assert ":no_entry:" not in answer and story.open_pull_requests == []
    fault.times = 0
    story.retry()
    assert "Opened" in "\n".join(story.said(thread=True))


def test_an_app_that_talks_is_no_person(story: Story) -> None:
    _join(story, Person("U0BOT", "robot", bot=True))
    answer = story.says("U0BOT", "lock production")
    assert answer == "" or "(`not_a_person`)" in answer
    assert "locked" not in story.says("carol", "status production")

"""How people talk with Tengu: did-you-mean, help, slash commands, direct messages, status and history."""

from __future__ import annotations

from tests.stories.story import Story


def test_an_unknown_word_gets_a_did_you_mean(story: Story) -> None:
    answer = story.says("carol", "depoly production")
    assert answer == ":no_entry: I do not know 'depoly'. Did you mean `deploy production`? (`unknown_command`)"


def test_an_unknown_environment_lists_what_there_is(story: Story) -> None:
    answer = story.says("carol", "deploy prodution")
    assert "web has no environment prodution" in answer and "web has production." in answer
    assert "Did you mean `deploy production`?" in answer


def test_the_order_of_app_and_environment_does_not_matter(story: Story) -> None:
    story.change()
    assert "Opened" in story.says("carol", "deploy web production")
    assert "Nothing new in" in story.says("carol", "deploy production web please")


def test_help_lists_every_command_and_explains_one(story: Story) -> None:
    listing = story.says("carol", "help")
    for command in ("deploy", "diff", "status", "history", "rollback", "retry", "cancel", "resume", "verify", "lock"):
        assert f"`{command} " in listing
    assert "For example: `rollback production to 41`" in story.says("carol", "help rollback")
    assert "What I understand" in story.says("carol", "")


def test_what_is_not_built_yet_says_what_to_do_instead(story: Story) -> None:
    answer = story.says("carol", "merge production")
    assert "`merge` is not there yet. For now: press Merge on the deployment pull request in GitHub." in answer


def test_a_slash_command_is_answered_in_the_apps_channel(story: Story) -> None:
    story.slack.add_channel("C0ELSE", "random", ["U0CAROL"])
    story.change()
    answer = story.types("carol", "deploy production", "C0ELSE")
    assert "Opened" in answer
    assert not any("Opened" in line for line in story.said("C0ELSE"))


def test_a_direct_message_takes_the_same_words(story: Story) -> None:
    story.change()
    assert "Opened" in story.writes("carol", "deploy production")
    assert "is ready to merge" in story.writes("carol", "status")


def test_a_repeated_slack_event_is_answered_once(story: Story) -> None:
    story.says("carol", "status")
    story.world.slack.people.resend(story.world.slack.people.deliveries[-1])
    story.settle()
    assert len(story.said()) == 1


def test_status_of_a_fresh_environment(story: Story) -> None:
    assert story.says("carol", "status") == "*web production* has not been deployed by Tengu yet"
    answer = story.says("carol", "history production")
    assert answer == "Nothing was deployed to web production yet: `@tengu deploy production web`"


def test_history_shows_outcome_person_and_duration(story: Story) -> None:
    deployed = story.deploys("carol")
    story.world.aws.simulation.broken = {"@sha256"}
    story.change()
    story.opens()
    story.merges("dave")
    first, second, third = story.says("carol", "history production").split("\n")
    assert first == "*web production*, newest first"
    assert second.startswith(":leftwards_arrow_with_hook: 2 rolled_back `") and "by @dave: web: ECS went back" in second
    assert third.startswith(f":white_check_mark: 1 succeeded `{deployed.commit[:7]}`") and "by @carol" in third


def test_a_command_in_code_or_quotes_is_not_carried_out(story: Story) -> None:
    answer = story.says("carol", "`lock production`")
    assert "(`only_quoted`)" in answer
    assert "locked" not in story.says("carol", "status")

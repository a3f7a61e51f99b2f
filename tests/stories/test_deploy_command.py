"""`deploy` and `diff`: what people read, and what stands on GitHub then."""

from __future__ import annotations

import threading

from tengu.domain.deployment import StepName
from tengu.domain.deployment_pull_request import parse_ticks
from tengu.sandbox.world import BRANCH, CHANNEL, USERS
from tests.stories.story import Story


def test_deploy_opens_a_pull_request_and_says_whose_changes_it_brings(story: Story) -> None:
    cart = story.change("Show the cart", by="alice")
    fonts = story.change("Bump the fonts", by="bob")
    answer = story.says("carol", "deploy production")
    number = story.deployment_pull_request
    assert f"Opened #{number}" in answer
    assert "*2 pull requests* by @alice, @bob for *web production*" in answer
    assert "Merging it deploys it." in answer
    assert parse_ticks(story.body()) == {cart: False, fonts: False}
    assert "@alice" in story.body() and "@bob" in story.body()


def test_two_people_ask_at_the_same_moment_and_one_pull_request_is_opened(story: Story) -> None:
    story.change()
    story.settle()
    for who in ("alice", "carol"):
        story.world.slack.say(USERS[who], CHANNEL, "@tengu deploy production")
    other = story.another().use_cases
    keys = story.open_requests()
    handlers = (story.tengu.use_cases.handle_inbound, other.handle_inbound)
    threads = [threading.Thread(target=handle, args=(key,)) for handle, key in zip(handlers, keys, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    story.settle()
    assert len(story.open_pull_requests) == 1
    words = sorted(line.split()[0] for line in story.said(thread=True))
    assert words == ["Nothing", "Opened"]


def test_nothing_to_deploy_is_a_plain_answer(story: Story) -> None:
    answer = story.says("carol", "deploy production")
    assert answer == "Nothing to deploy: web production runs everything that is on the source branch."
    deployed = story.deploys()
    answer = story.says("carol", "deploy production")
    assert f"(deployment 1, `{deployed.commit[:7]}`)" in answer
    assert story.open_pull_requests == []


def test_a_missing_deployment_branch_is_asked_about_and_created_on_a_yes(story: Story) -> None:
    story.change("Before")
    story.change("The newest")
    story.repository.delete_branch(BRANCH)
    story.settle()
    answer = story.says("carol", "deploy production")
    assert f"There is no branch `{BRANCH}` yet" in answer
    assert "[Yes, do it]" in answer
    assert story.repository.state.head(BRANCH) is None
    story.presses("carol", story.message("There is no branch"), "Yes, do it")
    assert story.repository.state.head(BRANCH) is not None
    assert "The newest" in story.body()
    assert "Opened" in "\n".join(story.said(thread=True))


def test_a_refresh_keeps_ticks_and_notes_and_writes_only_if_something_changed(story: Story) -> None:
    first = story.change("First", by="alice")
    number = story.opens()
    story.repository.tick(number, "First", by="alice")
    story.repository.edit(number, by="bob", body="Careful with the cache.\n\n" + story.body())
    story.settle()
    writes = story.world.github.faults.count("PATCH *")
    assert "Nothing new in" in story.says("carol", "deploy production")
    assert story.world.github.faults.count("PATCH *") == writes
    second = story.change("Second", by="bob")
    assert "Refreshed" in story.says("carol", "deploy production")
    assert parse_ticks(story.body()) == {first: True, second: False}
    assert "Careful with the cache." in story.body()


def test_a_box_that_somebody_wiped_comes_back(story: Story) -> None:
    first = story.change("First", by="alice")
    number = story.opens()
    story.repository.tick(number, "First", by="alice")
    story.settle()
    story.repository.edit(number, by="bob", body="I cleaned up here.")
    story.settle()
    assert parse_ticks(story.body()) == {first: True}
    assert "I cleaned up here." in story.body()


def test_squash_and_rebase_merges_and_direct_commits_are_all_listed(story: Story) -> None:
    squashed = story.change("Squashed", by="alice", method="squash")
    rebased = story.change("Rebased", by="bob", method="rebase")
    story.repository.commit("master", {"typo": "fixed\n"}, "Fix a typo", by="dave")
    answer = story.says("carol", "deploy production")
    assert "*2 pull requests and 1 commit without one*" in answer
    assert set(parse_ticks(story.body())) == {squashed, rebased}
    assert "Fix a typo" in story.body()


def test_a_squashed_deployment_pull_request_does_not_bring_history_back(story: Story) -> None:
    story.change("Old")
    story.opens()
    story.merges("carol", method="squash")
    assert story.outcomes() == ["succeeded"]
    assert "Nothing to deploy" in story.says("carol", "deploy production")
    story.change("New")
    story.opens()
    assert "New" in story.body() and "Old" not in story.body()
    story.merges("carol", method="squash")
    assert story.outcomes() == ["succeeded", "succeeded"]
    assert story.runs()["web"].endswith(story.last.output(StepName.BUILD)["digest"])


def test_diff_says_the_same_and_opens_nothing(story: Story) -> None:
    number = story.change("Show the cart", by="alice")
    answer = story.says("dave", "diff production")
    assert "*web production* does not run 1 pull request yet; `@tengu deploy production web` opens" in answer
    assert f"• #{number}" in answer and "Show the cart (@alice)" in answer
    assert story.open_pull_requests == []


def test_hostile_titles_mention_nobody_and_break_nothing(story: Story) -> None:
    title = "<!channel> <@U0ALICE> *bold* `code` --> - [x] @everyone <https://evil.example|click> \u202egnp"
    number = story.change(title, by="alice")
    story.opens()
    assert parse_ticks(story.body()) == {number: False}
    story.says("carol", "diff production")
    story.merges("carol")
    story.says("carol", "rollback production")
    raw = "\n".join(message.text for message in story.world.slack.messages(CHANNEL) if message.user == "U0TENGU")
    raw += "\n".join(str(message.blocks) for message in story.world.slack.messages(CHANNEL))
    assert "<!channel>" not in raw and "<https://evil" not in raw and "\u202e" not in raw
    assert "&lt;!channel&gt;" in raw


def test_a_closed_environment_is_said_with_the_pull_request(story: Story) -> None:
    story.change()
    story.says("carol", "lock production moving the database")
    answer = story.says("carol", "deploy production")
    assert "Opened" in answer
    assert "production is locked by carol: moving the database. What is merged now is held until" in answer

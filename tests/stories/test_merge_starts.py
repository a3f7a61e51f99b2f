"""From the merge to what ECS runs and what people hear."""

from __future__ import annotations

from datetime import timedelta

from tengu.domain.deployment import StepName
from tengu.domain.deployment_pull_request import parse_ticks
from tests.stories.story import WEB_SERVICE, WORKER_SERVICE, Story


def test_a_merge_is_deployed_and_everybody_is_told(story: Story) -> None:
    story.configure(services=[WEB_SERVICE, WORKER_SERVICE])
    cart = story.change("Show the cart", by="alice")
    fonts = story.change("Bump the fonts", by="bob")
    number = story.opens("carol")
    commit = story.merges("carol")
    digest = story.last.output(StepName.BUILD)["digest"]
    assert set(story.runs()) == {"web", "worker"}
    assert all(image.endswith(digest) for image in story.runs().values())
    assert (story.last.commit, story.last.pull_request, story.last.items) == (commit, number, (cart, fonts))
    status = story.read(story.message("(deployment 1)"))
    assert status.startswith(":white_check_mark: *web to production: succeeded* (deployment 1)")
    assert f"#{number}" in status and "by @carol" in status and commit[:7] in status
    closing = story.message("deployment 1 of web to production *succeeded*")
    assert closing.thread_ts
    assert story.read(closing).startswith("@carol @alice @bob: ")
    assert f"Still to verify: #{cart}, #{fonts}." in story.read(closing)
    assert story.said(thread=False) == [status]


def test_github_shows_the_deployment(story: Story) -> None:
    story.deploys()
    (shown,) = story.repository.state.deployments.values()
    assert shown.sha == story.last.commit
    assert [status.state for status in shown.statuses][-1] == "success"


def test_what_is_merged_seconds_before_the_merge_comes_along_and_is_said(story: Story) -> None:
    first = story.change("First")
    number = story.opens()
    late = story.change("Slipped in", by="bob")
    story.merges("carol", number)
    assert story.last.items == (first, late)
    assert set(parse_ticks(story.body(number))) == {first, late}
    said = story.message("right before the merge")
    assert said.thread_ts
    assert f"#{late} came into #{number}" in story.read(said)
    assert f"Still to verify: #{first}, #{late}" in story.read(story.message("Still to verify"))


def test_the_source_branch_may_move_on_after_the_merge(story: Story) -> None:
    first = story.change("First")
    number = story.opens()
    story.repository.merge(number, by="carol")
    later = story.change("Later")
    story.settle()
    assert story.last.items == (first,)
    assert later not in parse_ticks(story.body(number))
    assert "Later" in story.says("carol", "diff production")


def test_a_repeated_webhook_is_one_deployment(story: Story) -> None:
    story.deploys()
    webhooks = story.world.github.webhooks
    webhooks.redeliver(webhooks.last("pull_request", "closed").id)
    webhooks.redeliver(webhooks.last("push").id)
    story.settle()
    story.looks()
    assert story.outcomes() == ["succeeded"]


def test_a_webhook_older_than_catch_up_is_held(story: Story) -> None:
    story.deploys()
    story.change()
    number = story.opens()
    story.repository.merge(number, by="carol")
    story.clock.move(timedelta(hours=2))
    story.settle()
    assert story.outcomes() == ["succeeded", "held"]
    status = story.read(story.message("(deployment 2)"))
    assert status.startswith(":raised_hand: *Held: web to production* (deployment 2)")
    assert "longer ago than" in status and "`@tengu resume production web`" in status
    assert "Deployment 2 starts" in story.says("carol", "resume production")
    assert story.outcomes() == ["succeeded", "succeeded"]


def test_of_two_waiting_merges_the_older_one_is_skipped(story: Story) -> None:
    running = story.deploys()
    story.execute(
        "UPDATE deployment SET state = 'running', outcome = NULL, lease_until = now() + interval '1 h' WHERE number = 1"
    )
    for title in ("Second", "Third"):
        story.change(title)
        story.opens()
        story.merges("carol")
    assert story.outcomes() == ["running", "skipped", "waiting"]
    assert "Waiting for its turn; 1 in front of it." in story.read(story.message("(deployment 3)"))
    skipped = story.read(story.message("(deployment 2)"))
    assert ":fast_forward: *web to production: was skipped*" in skipped and "Deployment 3 contains it." in skipped
    story.execute(
        "UPDATE deployment SET state = 'ended', outcome = 'succeeded', lease_until = NULL WHERE number = %s",
        running.number,
    )
    story.settle()
    assert story.outcomes() == ["succeeded", "skipped", "succeeded"]


def test_a_merge_for_the_wrong_branch_starts_nothing(story: Story) -> None:
    story.change()
    story.opens()
    story.settle()
    story.change("Only master")
    story.looks()
    assert story.outcomes() == []


def test_the_first_merge_webhook_of_all_deploys_it(story: Story) -> None:
    """Nobody asked Tengu for anything: the pull request was opened by hand."""
    story.change("By hand")
    pull = story.repository.open_pull_request("Release", by="carol", head="master", base="deployment/production")
    story.merges("carol", pull.number)
    assert story.outcomes() == ["succeeded"]
    assert story.last.person.id == "carol"

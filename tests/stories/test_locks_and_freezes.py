"""Nobody deploys here, until when and why."""

from __future__ import annotations

from tests.stories.story import Story


def test_a_merge_into_a_locked_environment_is_held_until_unlock_and_resume(story: Story) -> None:
    story.change()
    story.opens()
    answer = story.says("carol", "lock production for 2h moving the database")
    assert ":lock: web production is locked for 2h" in answer and "(moving the database)" in answer
    assert "`@tengu unlock production web`" in answer
    story.merges("dave")
    assert story.outcomes() == ["held"]
    status = story.read(story.message("(deployment 1)"))
    assert "production is locked by carol until" in status and "moving the database" in status
    assert "`@tengu resume production web`" in status and "[Start it]" in status
    refused = story.says("dave", "resume production")
    assert "production is locked by carol" in refused and "(`environment_locked`)" in refused
    assert "`@tengu unlock production web`" in refused
    unlocked = story.says("dave", "unlock production")
    assert "is unlocked; it was locked by @carol" in unlocked
    assert "Deployment 1 is held; to start it: `@tengu resume production web`" in unlocked
    story.presses("dave", story.message("(deployment 1)"), "Start it")
    assert story.outcomes() == ["succeeded"]


def test_a_lock_stops_what_waits_already(story: Story) -> None:
    story.change()
    story.opens()
    story.settle()
    story.repository.merge(story.deployment_pull_request, by="carol")
    story.world.github.webhooks.wait_idle()
    for key in story.open_requests():
        story.tengu.use_cases.handle_inbound(key)
    assert story.outcomes() == ["waiting"]
    story.world.slack.say("U0DAVE", "C0DEPLOY", "@tengu lock production")
    for key in story.open_requests():
        story.tengu.use_cases.handle_inbound(key)
    story.settle()
    assert story.outcomes() == ["held"]
    assert "Held: web to production" in story.read(story.message("(deployment 1)"))


def test_a_lock_that_has_run_out_is_none(story: Story) -> None:
    story.says("carol", "lock production for 30m")
    assert "locked" in story.says("carol", "status production")
    story.execute("UPDATE environment_lock SET until = now()")
    assert "locked" not in story.says("carol", "status production")
    story.deploys()
    assert story.outcomes() == ["succeeded"]


def test_unlocking_what_is_not_locked_is_refused(story: Story) -> None:
    assert story.says("carol", "unlock production") == ":no_entry: web production is not locked. (`not_locked`)"


def test_a_lock_stops_its_owner_too(story: Story) -> None:
    story.says("carol", "lock production")
    story.change()
    story.opens()
    story.merges("carol")
    assert story.outcomes() == ["held"]


def test_a_merge_during_a_freeze_is_held_and_starts_when_it_is_over(story: Story) -> None:
    story.configure(freezes=[{"from": "mon 00:00", "to": "sun 23:59", "why": "the year's end"}])
    story.change()
    answer = story.says("carol", "deploy production")
    assert "production is frozen until" in answer and "the year's end" in answer
    story.merges("carol")
    assert story.outcomes() == ["held"]
    refused = story.says("carol", "resume production")
    assert "(`environment_frozen`)" in refused and "the year's end" in refused
    assert "frozen" in story.says("carol", "status production")
    story.configure(freezes=[])
    story.says("carol", "resume production")
    assert story.outcomes() == ["succeeded"]


def test_a_lock_while_a_deployment_runs_lets_it_go_on(story: Story) -> None:
    story.deploys()
    story.execute(
        "UPDATE deployment SET state = 'running', outcome = NULL, lease_until = now() + interval '1 h' WHERE number = 1"
    )
    answer = story.says("carol", "lock production")
    assert "Deployment 1 runs already and goes on; `@tengu cancel production web` stops it." in answer

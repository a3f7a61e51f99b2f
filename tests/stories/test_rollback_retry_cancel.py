"""Going back, trying again, and stopping."""

from __future__ import annotations

import threading

from tengu.domain.deployment import Kind, StepName
from tengu.sandbox.configuration import production
from tengu.sandbox.faults import Fault
from tests.stories.story import WEB_SERVICE, WORKER_SERVICE, Story

MIGRATE = production()["migrate"]


def _broken(story: Story) -> None:
    """From now on no new task stays up."""
    story.world.aws.simulation.broken = {"web@sha256"}


def _mended(story: Story) -> None:
    story.world.aws.simulation.broken = set()


def test_a_failed_rollout_goes_back_and_alarms_the_channel(story: Story) -> None:
    story.configure(services=[WEB_SERVICE, WORKER_SERVICE])
    before = story.deploys()
    number = story.change("Take payments", by="alice")
    story.opens()
    story.world.aws.simulation.broken = {"@sha256"}
    image = story.runs()["web"]
    story.merges("carol")
    assert story.outcomes() == ["succeeded", "rolled_back"], story.last.reason
    assert story.runs()["web"] == image
    alert = next(line for line in story.said(thread=False) if "was rolled back*" in line and "after" in line)
    assert "@carol" in alert and "circuit breaker" in alert and "`@tengu retry production web`" in alert
    closing = next(line for line in story.said(thread=True) if "was rolled back* after" in line)
    assert closing.startswith("@carol @alice: ")
    assert "Still to verify" not in closing
    status = story.says("dave", "status production")
    assert f"runs `{before.commit[:7]}`" in status
    assert "deployment 2 was rolled back: " in status and "`@tengu retry production web` tries again" in status
    again = story.says("carol", "deploy production")
    assert "Deployment 2 did not bring it; to try again: `@tengu retry production web`" in again
    _mended(story)
    story.change("Repair payments", by="alice")
    story.opens()
    assert f"#{number}" in story.body() and "**again**, rolled back in deployment 2" in story.body()
    story.merges("carol")
    assert story.outcomes() == ["succeeded", "rolled_back", "succeeded"]
    assert number in story.last.items


def test_rollback_goes_to_the_previous_one_names_what_it_takes_back_and_locks(story: Story) -> None:
    first = story.deploys()
    image = story.runs()["web"]
    number = story.change("Show the cart", by="alice")
    story.opens()
    story.merges("carol")
    answer = story.says("dave", "rollback production")
    assert f"Deployment 3 takes web production back to `{first.commit[:7]}`, which deployment 1 ran." in answer
    assert f"That takes back 1 pull request: #{number} Show the cart (@alice)." in answer
    assert "production is locked until `@tengu unlock production web`" in answer
    assert story.outcomes() == ["succeeded"] * 3
    assert story.last.kind is Kind.ROLLBACK
    assert story.runs()["web"] == image
    assert "web in production back to deployment 1: succeeded" in story.read(story.message("(deployment 3)"))
    assert "locked by dave: rolled back to deployment 1" in story.says("carol", "status production")


def test_after_a_rollback_what_was_taken_back_comes_again(story: Story) -> None:
    story.deploys()
    number = story.change("Show the cart")
    story.opens()
    story.merges("carol")
    story.says("dave", "rollback production")
    answer = story.says("carol", "diff production")
    assert f"#{number}" in answer and "again" in answer
    answer = story.says("carol", "deploy production")
    assert "It was rolled back. To go forward again: `@tengu rollback production web to 2`" in answer
    story.says("dave", "rollback production to 2")
    assert "Nothing to deploy" in story.says("carol", "deploy production")


def test_rollback_of_a_rollback_goes_further_back(story: Story) -> None:
    first, second, third = story.deploys(), story.deploys(), story.deploys()
    story.says("dave", "rollback production")
    assert story.last.target == second.number
    story.says("dave", "rollback production")
    assert story.last.target == first.number
    refused = story.says("dave", "rollback production")
    assert "(`nothing_to_roll_back_to`)" in refused
    story.says("dave", f"rollback production to {third.number}")
    assert story.last.target == third.number
    assert story.outcomes()[-1] == "succeeded"


def test_nothing_to_go_back_to_is_refused(story: Story) -> None:
    refused = story.says("dave", "rollback production")
    assert "(`nothing_to_roll_back_to`)" in refused and "`@tengu history production web`" in refused
    story.deploys()
    refused = story.says("dave", "rollback production")
    assert "(`nothing_to_roll_back_to`)" in refused
    assert "(`nothing_to_roll_back_to`)" in story.says("dave", "rollback production to 99")
    assert "locked" not in story.says("dave", "status production")


def test_after_a_migration_a_rollback_asks_first(story: Story) -> None:
    story.configure(migrate=MIGRATE | {"rollback_safe": "ask"})
    first = story.deploys()
    story.deploys()
    answer = story.says("dave", "rollback production")
    assert "Deployment 2 ran a migration" in answer and "Does the older code work with it?" in answer
    assert story.outcomes() == ["succeeded", "succeeded"]
    story.presses("dave", story.message("Does the older code"), "Yes, do it")
    assert story.outcomes() == ["succeeded"] * 3
    assert story.last.target == first.number


def test_a_migration_that_is_not_safe_refuses_the_rollback(story: Story) -> None:
    story.configure(migrate=MIGRATE | {"rollback_safe": False})
    story.deploys()
    story.deploys()
    refused = story.says("dave", "rollback production")
    assert "(`migration_not_rollback_safe`)" in refused and "Merge a fix" in refused


def test_retry_takes_over_image_and_migration(story: Story) -> None:
    story.configure(migrate=MIGRATE | {"rollback_safe": True})
    story.deploys()
    story.change()
    story.opens()
    _broken(story)
    story.merges("carol")
    assert story.outcomes()[-1] == "rolled_back"
    _mended(story)
    tasks = story.world.aws.faults.count("*RunTask*")
    answer = story.says("dave", "retry production")
    assert "Deployment 3 tries" in answer and "which deployment 2 could not bring to production" in answer
    assert story.outcomes()[-1] == "succeeded"
    build = story.last.step(StepName.BUILD)
    assert build and build.detail == "taken over from deployment 2"
    assert story.world.aws.faults.count("*RunTask*") == tasks
    assert story.last.pull_request == story.deployments[1].pull_request


def test_retry_of_what_succeeded_is_refused(story: Story) -> None:
    assert "(`nothing_to_retry`)" in story.says("dave", "retry production")
    story.deploys()
    assert "(`nothing_to_retry`)" in story.says("dave", "retry production")


def _unknown(story: Story) -> None:
    """A deployment whose outcome nobody can tell."""
    story.deploys()
    story.execute("UPDATE deployment SET outcome = 'unknown', keeps_lane = true WHERE number = 1")


def test_unknown_keeps_the_lane_until_a_retry(story: Story) -> None:
    _unknown(story)
    story.change()
    story.opens()
    story.merges("carol")
    assert story.outcomes() == ["unknown", "waiting"]
    assert "how deployment 1 ended is unknown" in story.says("dave", "status production")
    story.says("dave", "cancel production")
    assert story.outcomes() == ["unknown", "cancelled"]
    story.says("dave", "retry production")
    assert story.outcomes()[-1] == "succeeded"


def test_a_retry_of_an_unknown_one_starts_the_newer_merge_that_waits(story: Story) -> None:
    _unknown(story)
    story.change()
    story.opens()
    story.merges("carol")
    answer = story.says("dave", "retry production")
    assert "Deployment 2, which waited, contains what deployment 1 was to bring to production" in answer
    assert story.outcomes() == ["unknown", "succeeded"]


def test_unlock_force_gives_up_the_lane_of_an_unknown_one(story: Story) -> None:
    _unknown(story)
    refused = story.says("dave", "unlock production")
    assert "(`not_locked`)" in refused and "`@tengu unlock production web --force`" in refused
    answer = story.says("dave", "unlock production --force")
    assert "The lane of deployment 1 is given up" in answer
    story.change()
    story.opens()
    story.merges("carol")
    assert story.outcomes() == ["unknown", "succeeded"]


def test_a_waiting_deployment_is_cancelled_at_once(story: Story) -> None:
    story.says("carol", "lock production")
    story.change()
    story.opens()
    story.merges("carol")
    answer = story.says("dave", "cancel production")
    assert answer == "Deployment 1 is cancelled; it had not started."
    assert story.outcomes() == ["cancelled"]
    status = story.read(story.message("(deployment 1)"))
    assert "was cancelled" in status and "dave cancelled it before it started." in status
    assert "To deploy the same commit after all: `@tengu retry production web`" in status
    assert "(`nothing_to_cancel`)" in story.says("dave", "cancel production")


def test_a_running_deployment_is_cancelled_and_services_go_back(story: Story) -> None:
    story.deploys()
    image = story.runs()["web"]
    story.change()
    story.opens()
    reached, go_on = threading.Event(), threading.Event()

    def pause(_call: str) -> None:
        reached.set()
        go_on.wait(10)

    story.world.aws.faults.add(Fault("*DescribeServices*", hook=pause))
    worker = threading.Thread(target=story.merges, args=("carol",))
    worker.start()
    assert reached.wait(10)
    story.world.slack.say("U0DAVE", "C0DEPLOY", "@tengu cancel production")
    other = story.another().use_cases
    for key in story.open_requests():
        other.handle_inbound(key)
    go_on.set()
    worker.join()
    story.settle()
    assert story.outcomes() == ["succeeded", "cancelled"]
    assert story.runs()["web"] == image
    assert "Cancelling deployment 2: it stops at the next safe point" in story.read(story.message("Cancelling"))

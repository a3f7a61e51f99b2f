"""GitHub, Slack or AWS down: the person sees which and why, and nothing is lost."""

from __future__ import annotations

from tengu.sandbox.faults import Fault
from tests.stories.story import Story


def test_github_down_while_answering_is_said_and_done_when_it_is_back(story: Story) -> None:
    story.change()
    story.settle()
    story.world.github.faults.down = True
    answer = story.says("carol", "deploy production")
    assert answer.startswith(":hourglass: GitHub does not answer `") and "I keep trying" in answer
    story.retry()
    story.world.github.faults.down = False
    story.retry()
    replies = story.said(thread=True)
    assert len(replies) == 1 and replies[0].startswith("Opened #")


def test_github_down_for_long_is_given_up_and_says_what_to_do(story: Story) -> None:
    story.change()
    story.settle()
    story.world.github.faults.down = True
    story.says("carol", "deploy production")
    for _ in range(6):
        story.retry()
    (answer,) = story.said(thread=True)
    assert answer.startswith(":warning: GitHub could not do `")
    assert answer.endswith("Ask again in a few minutes; what is done already is not done twice.")


def test_github_that_refuses_tengu_is_said_at_once(story: Story) -> None:
    story.change()
    body = b'{"message": "Resource not accessible by integration"}'
    story.world.github.faults.add(Fault("POST /repos/acme/web/pulls", status=403, body=body, times=-1))
    answer = story.says("carol", "deploy production")
    assert answer.startswith(":warning: GitHub could not do `POST /repos/")
    assert "Resource not accessible by integration" in answer


def test_github_down_at_the_merge_webhook_loses_nothing(story: Story) -> None:
    story.change()
    story.opens()
    story.settle()
    story.repository.merge(story.deployment_pull_request, by="carol")
    story.world.github.webhooks.wait_idle()
    story.world.github.faults.down = True
    story.settle()
    assert story.outcomes() == []
    story.world.github.faults.down = False
    story.retry()
    assert story.outcomes() == ["succeeded"]


def test_slack_down_for_a_whole_deployment_says_everything_once_it_is_back(story: Story) -> None:
    story.change()
    story.opens()
    story.world.slack.faults.down = True
    story.merges("carol")
    assert story.outcomes() == ["succeeded"]
    assert not any("deployment 1" in line for line in story.said())
    story.world.slack.faults.down = False
    story.retry()
    assert [line.split("\n")[0] for line in story.said(thread=False)] == [
        ":white_check_mark: *web to production: succeeded* (deployment 1)"
    ]
    assert len([line for line in story.said(thread=True) if "*succeeded* after" in line]) == 1
    story.retry()
    assert len(story.said()) == 3


def test_slack_lost_the_answer_to_a_post_and_nothing_is_said_twice(story: Story) -> None:
    story.change()
    story.settle()
    story.world.slack.faults.add(Fault("chat.postMessage", status=503, after=True))
    story.says("carol", "deploy production")
    story.retry()
    assert len(story.said()) == 1


def test_aws_down_before_the_rollout_fails_truthfully(story: Story) -> None:
    story.change()
    story.opens()
    image = story.runs()["web"]
    story.configure(rollout_timeout="1s")
    story.world.aws.faults.add(Fault("ecs.*", status=503, times=-1))
    story.merges("carol")
    assert story.outcomes() == ["failed"]
    assert story.runs()["web"] == image
    alert = next(line for line in story.said(thread=False) if "*failed* after" in line)
    assert "AWS ECS could not do" in alert and "`@tengu retry production web`" in alert
    story.world.aws.faults.clear()
    story.says("carol", "retry production")
    assert story.outcomes() == ["failed", "succeeded"]


def test_aws_down_after_the_update_is_unknown_and_keeps_the_lane(story: Story) -> None:
    story.change()
    story.opens()

    def gone(_call: str) -> None:
        story.world.aws.faults.add(Fault("ecs.*", status=503, times=-1))

    story.configure(rollout_timeout="1s")
    story.world.aws.faults.add(Fault("ecs.UpdateService", hook=gone))
    story.merges("carol")
    assert story.outcomes() == ["unknown"], story.last.reason
    alert = next(line for line in story.said(thread=False) if "nobody can say how" in line and "after" in line)
    assert "Look at the services in ECS first." in alert
    assert "`@tengu unlock production web --force`" in alert
    story.world.aws.faults.clear()
    story.says("carol", "retry production")
    assert story.outcomes() == ["unknown", "succeeded"]


def test_the_registry_down_during_the_build_fails_and_is_retried(story: Story) -> None:
    story.change()
    story.opens()
    story.world.aws.faults.add(Fault("registry *", status=503, times=-1))
    story.merges("carol")
    assert story.outcomes() == ["failed"]
    assert "image registry" in story.last.reason
    story.world.aws.faults.clear()
    story.says("carol", "retry production")
    assert story.outcomes() == ["failed", "succeeded"]


def test_a_bug_is_apologised_for_and_not_tried_for_ever(story: Story) -> None:
    story.execute(
        "INSERT INTO inbound (key, kind, payload) VALUES ('slack:bug', 'slack.command', "
        """'{"text": "status", "channel": "C0DEPLOY", "source": "mention"}')"""
    )
    story.settle()
    (answer,) = story.said()
    assert answer.startswith(":warning: That went wrong in a way I did not expect. Look for `")
    story.retry()
    assert len(story.said()) == 1

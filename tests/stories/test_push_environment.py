"""`deploy_on: push`: every push to the branch, and `deploy` for its head."""

from __future__ import annotations

import pytest

from tengu.domain.deployment import Kind
from tengu.sandbox.configuration import production
from tests.stories.story import WEB_SERVICE, Story


@pytest.fixture
def dev(story: Story) -> Story:
    """A team whose `dev` follows master, and that Tengu has looked at once."""
    story.environments = {
        "dev": {
            key: value
            for key, value in production(services=[WEB_SERVICE], branch="master", deploy_on="push").items()
            if key not in ("source", "migrate")
        },
        "production": story.environments["production"],
    }
    story.configure()
    story.looks()
    return story


def test_every_push_is_deployed(dev: Story) -> None:
    sha = dev.repository.commit("master", {"a": "1\n"}, "Something", by="dave")
    dev.settle()
    (deployed,) = dev.deployments
    assert (deployed.environment, deployed.kind, deployed.commit) == ("dev", Kind.PUSH, sha)
    assert str(deployed.person) == "github:dave"
    assert dev.outcomes() == ["succeeded"]
    assert "web to dev: succeeded" in dev.read(dev.message("(deployment 1)"))


def test_a_push_nobody_announced_is_found(dev: Story) -> None:
    dev.world.github.webhooks.configure(None)
    dev.repository.commit("master", {"a": "1\n"}, "Something", by="dave")
    dev.passes(minutes=1)
    assert dev.outcomes() == ["succeeded"]


def test_deploy_asks_and_deploys_the_head(dev: Story) -> None:
    head = dev.repository.head("master")
    question = dev.says("carol", "deploy dev")
    assert f"Deploy `{head[:7]}`, the head of `master`, to web dev now?" in question
    assert dev.outcomes() == []
    dev.presses("carol", dev.message("Deploy `"), "Yes, do it")
    assert dev.outcomes() == ["succeeded"]
    assert f"web dev runs `{head[:7]}` already" in dev.says("carol", "deploy dev")


def test_a_forced_push_is_reported_and_not_deployed(dev: Story) -> None:
    first = dev.repository.head("master")
    dev.repository.commit("master", {"a": "1\n"}, "Something", by="dave")
    dev.settle()
    dev.repository.force("master", first, by="dave")
    dev.settle()
    dev.passes(minutes=1)
    assert dev.outcomes() == ["succeeded"]
    (report,) = [line for line in dev.said(thread=False) if ":warning:" in line and "*web dev*" in line]
    assert "does not contain what was deployed last" in report


def test_a_lock_holds_pushes_and_refuses_deploy(dev: Story) -> None:
    dev.says("carol", "lock dev")
    assert "(`environment_locked`)" in dev.says("carol", "deploy dev")
    dev.repository.commit("master", {"a": "1\n"}, "Something", by="dave")
    dev.settle()
    assert dev.outcomes() == ["held"]

"""From the sentence in Slack to the containers: real processes, git, BuildKit, registry, ECS emulator, containers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tengu.domain.deployment import Deployment, Kind, Outcome, StepName, StepState
from tengu.sandbox.engine import Engine
from tengu.sandbox.example_app import ChangeSet, Commit
from tengu.sandbox.example_changes import (
    BUILD_FAILS,
    CHANGES,
    CRASHES_AT_START,
    MIGRATION_FAILS,
    PUSHED_DIRECTLY,
    REPAIRS_MIGRATION,
    REPAIRS_START,
)
from tengu.sandbox.world import USERS
from tests.end_to_end.site import containers
from tests.end_to_end.stage import Stage, assert_succeeded, on_new_stage, page

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]

REPAIRS_BUILD = ChangeSet("Repair the greeting", "bob", (Commit("Repair", {"bin/hello": "#!/bin/sh\necho hello\n"}),))


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, postgres: str, engine: Engine) -> Iterator[Stage]:
    """A shop that Tengu has deployed once already; every story leaves it well."""
    with on_new_stage(tmp_path_factory.mktemp("shop"), engine, postgres) as stage:
        for change in CHANGES[:3]:
            stage.world.merge(change)
        author, commit = PUSHED_DIRECTLY
        stage.world.repository.commit("master", commit.files, commit.message, by=author)
        yield stage


def commands(stage: Stage) -> dict[str, int]:
    """How many containers run the digest that each service is on."""
    assert stage.world.engine is not None
    running = stage.world.running()
    return {
        "web": len(containers(stage.world.engine, running["web"], "bin/serve")),
        "worker": len(containers(stage.world.engine, running["worker"], "bin/worker")),
    }


def states(deployment: Deployment) -> dict[StepName, StepState]:
    """How its steps ended."""
    return {step.name: step.state for step in deployment.steps}


def serving(stage: Stage) -> Deployment:
    """The deployment that runs; made now if there is none."""
    known = stage.deployments.last_succeeded("web", "production")
    if known is None:
        assert_succeeded(known := stage.deploy(page("first")))
    return known


def test_from_a_sentence_in_slack_to_containers_that_run_it(stage: Stage) -> None:
    number = stage.propose()
    pull = stage.world.repository.pull_request(number)
    for title in ("Show the cart", "Say what shipping costs", "Index products by name"):
        assert f"- [ ] {title}" in pull.body
    assert PUSHED_DIRECTLY[1].message in pull.body

    stage.world.repository.tick(number, "Show the cart", by="alice")
    stage.until(stage.everything_said, 30, "the tick to be taken in")
    deployment = stage.ended(stage.merge(number))

    assert_succeeded(deployment)
    assert set(states(deployment).values()) == {StepState.DONE}
    assert list(states(deployment)) == list(StepName)
    assert deployment.person.id == "carol"
    digest = deployment.output(StepName.BUILD)["digest"]
    assert set(stage.world.running().values()) == {f"{stage.world.image}@{digest}"}
    assert commands(stage) == {"web": 2, "worker": 1}
    assert stage.site.answer()["commit"] == deployment.commit

    (status,) = stage.status_messages(deployment.number)
    assert "succeeded" in status.shown()
    (closing,) = stage.closing_replies(deployment.number)
    for person in ("carol", "bob"):
        assert f"<@{USERS[person]}>" in closing.text
    assert "#2" in closing.text
    assert "#1," not in closing.text
    assert stage.github_states(deployment.commit) == [["in_progress", "success"]]
    assert "- [x] Show the cart" in stage.world.repository.pull_request(number).body


def test_a_failing_build_changes_nothing(stage: Stage) -> None:
    before = stage.world.running()

    failed = stage.deploy(BUILD_FAILS)

    assert failed.outcome is Outcome.FAILED
    assert "bin/hello" in failed.reason or "bin/check" in failed.reason
    assert stage.world.running() == before
    (closing,) = stage.closing_replies(failed.number)
    assert "failed" in closing.text
    (github,) = stage.github_states(failed.commit)
    assert github[-1] == "failure"

    repaired = stage.deploy(REPAIRS_BUILD)
    assert_succeeded(repaired)
    assert set(repaired.items) >= set(failed.items)


def test_a_failing_migration_leaves_the_services_alone(stage: Stage) -> None:
    before = stage.world.running()

    failed = stage.deploy(MIGRATION_FAILS)

    assert (failed.outcome, failed.code) == (Outcome.FAILED, "migration_failed")
    assert "exited with 3" in failed.reason
    lines = [entry.line for entry in stage.store.logs.read(failed.number)]
    assert any('ERROR: column "full_name"' in line for line in lines)
    assert states(failed)[StepName.MIGRATE] is StepState.FAILED
    assert StepName.ROLL_OUT not in states(failed)
    assert stage.world.running() == before

    assert_succeeded(stage.deploy(REPAIRS_MIGRATION))


def test_a_crash_at_start_is_rolled_back_and_the_old_image_serves_again(stage: Stage) -> None:
    good = serving(stage)
    before = stage.world.running()

    crashed = stage.deploy(CRASHES_AT_START)

    assert crashed.outcome is Outcome.ROLLED_BACK, crashed.reason
    assert stage.world.running() == before
    assert commands(stage) == {"web": 2, "worker": 1}
    assert stage.site.answer()["commit"] == good.commit
    alerts = [each for each in stage.messages() if not each.thread_ts and "rolled back" in each.text]
    assert alerts

    repaired = stage.deploy(REPAIRS_START)
    assert_succeeded(repaired)
    assert set(repaired.items) >= set(crashed.items)


def test_a_person_rolls_back(stage: Stage) -> None:
    old = serving(stage)
    assert_succeeded(stage.deploy(page("new")))

    stage.ask("@tengu rollback production")
    back = stage.ended_if(lambda each: each.kind is Kind.ROLLBACK)

    assert_succeeded(back)
    assert back.target == old.number
    digest = old.output(StepName.BUILD)["digest"]
    assert set(stage.world.running().values()) == {f"{stage.world.image}@{digest}"}
    assert commands(stage) == {"web": 2, "worker": 1}
    assert stage.site.answer()["commit"] == old.commit
    assert "lock" in stage.ask("@tengu status").lower()

    stage.ask("@tengu unlock production")
    assert "lock" not in stage.ask("@tengu status").lower()

"""What goes away comes back: webhooks, Slack, GitHub, AWS, the database, Tengu itself."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tengu.adapters.postgres.cluster import DATABASE
from tengu.adapters.postgres.embedded import EmbeddedPostgres
from tengu.sandbox.faults import Fault, Faults
from tests.end_to_end.kill_points import ONCE, Trap
from tests.end_to_end.stage import Stage, as_url, assert_succeeded, on_new_stage, on_stage, page

pytestmark = [pytest.mark.xdist_group("end_to_end"), pytest.mark.timeout(300)]
TWO_MINUTES = 120.0


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, postgres: str) -> Iterator[Stage]:
    """A Tengu that runs; every story leaves it so."""
    with on_new_stage(tmp_path_factory.mktemp("survives"), None, postgres) as stage:
        yield stage


def test_a_merge_that_nobody_announced_is_found_at_the_next_look(stage: Stage) -> None:
    number = stage.propose(page("unannounced"))
    stage.world.github.webhooks.wait_idle()
    stage.world.github.webhooks.configure(None)
    commit = stage.merge(number)
    stage.world.listen(stage.tengu.url)

    stage.until(lambda: stage.of_commit(commit) is not None, TWO_MINUTES, "the merge to be found")

    assert_succeeded(stage.ended(commit))


def test_a_merge_while_tengu_was_away_is_found_at_its_start(stage: Stage) -> None:
    number = stage.propose(page("away"))
    assert stage.tengu.stop() == 0
    commit = stage.merge(number)
    stage.world.github.webhooks.wait_idle()
    assert stage.world.github.webhooks.last("pull_request", "closed").status == -1

    begun = time.monotonic()
    stage.tengu.start()

    assert_succeeded(stage.ended(commit))
    assert time.monotonic() - begun < TWO_MINUTES


@pytest.mark.parametrize("service", ["Slack", "GitHub", "AWS"])
def test_it_starts_while_a_service_is_down_and_does_its_work_later(stage: Stage, service: str) -> None:
    world = stage.world
    faults: Faults = {"Slack": world.slack.faults, "GitHub": world.github.faults, "AWS": world.aws.faults}[service]
    world.merge(page(f"without-{service}"))
    stage.tengu.stop()
    faults.clear()
    faults.down = True

    stage.tengu.start()
    thread = stage.say("@tengu deploy production")
    if service == "AWS":
        number = wait_for_pull_request(stage)
        commit = stage.merge(number)
        stage.until(lambda: faults.count("*") > 0, 60, "Tengu to ask AWS")
        stage.until(lambda: "Trying again" in stage.status_messages(1 + last(stage))[0].shown(), 60, "it to say so")
    else:
        stage.until(lambda: faults.count("*") > 1, 60, f"Tengu to ask {service}")
    if service == "GitHub":
        stage.until(lambda: any("GitHub" in each.shown() for each in stage.replies(thread)), 60, "it to say so")
    faults.down = False
    if service != "AWS":
        commit = stage.merge(wait_for_pull_request(stage))

    assert_succeeded(stage.ended(commit))
    assert len(stage.replies(thread)) >= 1


def last(stage: Stage) -> int:
    """Number of the last deployment that ended."""
    return max((each.number for each in stage.deployments.history() if each.outcome), default=0)


def wait_for_pull_request(stage: Stage) -> int:
    """Until it is open; its number."""
    stage.until(lambda: bool(stage.open_pull_requests()), 120, "the deployment pull request")
    return stage.open_pull_request()


def test_sigterm_in_the_middle_of_a_step_hands_over(stage: Stage) -> None:
    simulation = stage.world.aws.simulation
    number = stage.propose(page("handed-over"))
    stage.until(stage.everything_said, 60, "the answer")
    trap = Trap(stage)
    simulation.exit_code = None  # the migration runs on
    try:
        commit = stage.merge(number)
        stage.until(lambda: stage.world.aws.faults.count("ecs.DescribeTasks") > 0, 60, "the migration to run")
        begun = time.monotonic()
        assert stage.tengu.stop() == 0
        assert time.monotonic() - begun < 15
    finally:
        simulation.exit_code = 0
    stage.tengu.start()
    deployment = stage.ended(commit, timeout=40)  # at once, not when the lease has run out
    assert_succeeded(deployment)
    counts = trap.count(deployment)
    assert (counts.images, counts.tasks, counts.updates) == (ONCE.images, ONCE.tasks, ONCE.updates)


def test_the_database_server_goes_away_for_a_while(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / "server", ("fsync=off",))
    url = as_url(server.start(), DATABASE)

    def away(_call: str) -> None:
        server.stop()
        threading.Event().wait(5)
        server.start()

    try:
        deploy_with(tmp_path, away, url)
    finally:
        server.stop()


def test_the_embedded_database_is_killed(tmp_path: Path) -> None:
    def kill(_call: str) -> None:
        pid_file = tmp_path / "home" / "postgres" / "data" / "postmaster.pid"
        os.kill(int(pid_file.read_text().split()[0]), signal.SIGKILL)

    deploy_with(tmp_path, kill, None)


def deploy_with(folder: Path, accident: Callable[[str], None], url: str | None) -> None:
    """A deployment during which something happens to the database twice: in its migration and in its rollout."""
    with on_stage(folder, None, url) as stage:
        number = stage.propose(page("database"))
        stage.until(stage.everything_said, 60, "the answer")
        trap = Trap(stage)
        for call in ("ecs.RunTask", "ecs.UpdateService"):
            stage.world.aws.faults.add(Fault(call, after=True, hook=accident))
        commit = stage.merge(number)
        stage.until(lambda: (now := stage.of_commit(commit)) is not None and now.outcome is not None, 120, "an outcome")
        stage.let_rows_be_taken_again()  # whoever could not record that a request is handled keeps it for minutes
        deployment = stage.ended(commit)
        assert_succeeded(deployment)
        assert replace(trap.count(deployment), pull_requests=1) == ONCE

"""`tengu serve --no-worker` and two `tengu worker` processes on one database, on a real engine."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tengu.domain.deployment import Kind, State, StepName
from tengu.sandbox.aws.cluster import create_cluster, create_service
from tengu.sandbox.aws.stand_in import REGION
from tengu.sandbox.engine import Engine
from tengu.sandbox.tengu_process import spawn
from tengu.sandbox.world import World
from tests.end_to_end.kill_points import ONCE, Trap
from tests.end_to_end.site import Site, containers
from tests.end_to_end.stage import Stage, assert_succeeded, checked_production, new_database, on_stage, page

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]
DEV = {
    "branch": "dev",
    "deploy_on": "push",
    "region": REGION,
    "services": [{"cluster": "dev", "service": "web-dev", "containers": ["app"]}],
}


def with_dev(world: World, site: Site) -> Mapping[str, Mapping[str, Any]]:
    """A second environment, which every push to its branch deploys to."""
    world.repository.branch("dev")
    create_cluster(world.aws, "dev")
    create_service(world.aws, "dev", "web-dev", f"{world.image}:first", command=["bin/serve"])
    return {**checked_production(world, site), "dev": DEV}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, postgres: str, engine: Engine) -> Iterator[Stage]:
    """A server that answers and does not work."""
    folder = tmp_path_factory.mktemp("several")
    with new_database(postgres) as dsn, on_stage(folder, engine, dsn, with_dev, ("--no-worker",)) as stage:
        yield stage


@contextmanager
def two_workers(stage: Stage, folder: Path) -> Iterator[dict[int, subprocess.Popen[bytes]]]:
    """By their process ids, each with a TENGU_HOME of its own, as on two machines."""
    homes = [folder / name for name in ("one", "two")]
    workers = [
        spawn(
            ("-m", "tengu", "worker"), {**stage.tengu.environment, "TENGU_HOME": str(home)}, folder / f"{home.name}.log"
        )
        for home in homes
    ]
    try:
        yield {worker.pid: worker for worker in workers}
    finally:
        for worker in workers:
            worker.send_signal(signal.SIGTERM)
        for worker in workers:
            worker.wait(60)


def owner(stage: Stage, number: int) -> int:
    """Process id of who runs that deployment; 0 if nobody does."""
    with stage.database.transaction("look who runs it") as connection:
        row = connection.execute("SELECT owner FROM deployment WHERE number = %s", (number,)).fetchone()
    return int(str(row["owner"]).rpartition(":")[2]) if row and row["owner"] else 0


def test_two_environments_deploy_at_once(stage: Stage, tmp_path: Path) -> None:
    number = None
    with two_workers(stage, tmp_path):
        number = stage.propose(page("both"))
        pushed = stage.world.repository.commit("dev", {"www/dev.html": "<p>dev</p>\n"}, "Try something", by="bob")
        merged = stage.merge(number)
        stage.until(lambda: all(is_over(stage, commit) for commit in (pushed, merged)), 120, "two outcomes")
        stage.until(stage.everything_said, 60, "everybody to be told")

    dev, production = stage.of_commit(pushed), stage.of_commit(merged)
    assert dev is not None
    assert production is not None
    assert_succeeded(dev)
    assert_succeeded(production)
    assert (dev.kind, dev.environment, dev.person.id) == (Kind.PUSH, "dev", "bob")
    ran = stage.world.aws.client("ecs").describe_services(cluster="dev", services=["web-dev"])["services"][0]
    definition = stage.world.aws.client("ecs").describe_task_definition(taskDefinition=ran["taskDefinition"])
    image = definition["taskDefinition"]["containerDefinitions"][0]["image"]
    assert image == f"{stage.world.image}@{dev.output(StepName.BUILD)['digest']}"
    assert stage.world.engine is not None
    assert len(containers(stage.world.engine, image, "bin/serve")) == 1
    assert len(stage.status_messages(dev.number)) == len(stage.status_messages(production.number)) == 1


def is_over(stage: Stage, commit: str) -> bool:
    """True once it has ended."""
    deployment = stage.of_commit(commit)
    return deployment is not None and deployment.state is State.ENDED


def test_a_worker_is_killed_and_the_other_goes_on(stage: Stage, tmp_path: Path) -> None:
    with two_workers(stage, tmp_path) as workers:
        number = stage.propose(page("taken-over"))
        stage.until(stage.everything_said, 60, "the answer")
        trap = Trap(stage)
        commit = stage.merge(number)
        stage.until(lambda: stage.world.aws.faults.count("ecs.UpdateService") > 0, 60, "the rollout")
        running = stage.of_commit(commit)
        assert running is not None
        killed = workers[owner(stage, running.number)]
        killed.kill()
        killed.wait()
        stage.let_claims_run_out()
        deployment = stage.ended(commit)

    assert_succeeded(deployment)
    assert trap.count(deployment).outcomes == ONCE.outcomes
    counts = trap.count(deployment)
    assert (counts.images, counts.revisions, counts.tasks, counts.updates) == (
        ONCE.images, ONCE.revisions, ONCE.tasks, ONCE.updates,
    )  # fmt: skip

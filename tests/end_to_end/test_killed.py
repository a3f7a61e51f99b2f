"""SIGKILL in every step: nothing is lost, and nothing happens twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import pytest

from tests.end_to_end.kill_points import ONCE, Counts, KillPoint, play, record
from tests.end_to_end.stage import Stages, on_new_stage, page

pytestmark = [pytest.mark.xdist_group("end_to_end"), pytest.mark.timeout(400)]
AT_ONCE = 3

POINTS = (
    KillPoint(
        "deploy: before GitHub's pull request is created",
        "github",
        "POST /repos/acme/web/pulls",
        after=False,
        when="deploy",
    ),
    KillPoint(
        "deploy: GitHub's pull request created, not recorded", "github", "POST /repos/acme/web/pulls", when="deploy"
    ),
    KillPoint("deploy: Slack's answer posted, not recorded", "slack", "chat.postMessage", when="deploy"),
    KillPoint("merge: the merge is looked up", "github", "GET /repos/acme/web/commits/*/pulls", after=False),
    KillPoint("status message posted, not recorded", "slack", "chat.postMessage"),
    KillPoint("status message edited, not recorded", "slack", "chat.update"),
    KillPoint("GitHub Deployment created, not recorded", "github", "POST /repos/acme/web/deployments"),
    KillPoint("checkout: git asks for refs", "github", "GET /acme/web.git/info/refs", after=False),
    KillPoint("checkout: git has got the commit", "github", "POST /acme/web.git/git-upload-pack"),
    KillPoint("build: before the push of the manifest", "aws", "registry PUT /v2/web/manifests/*", after=False),
    KillPoint("build: manifest pushed, not recorded", "aws", "registry PUT /v2/web/manifests/*"),
    KillPoint("migrate: revision registered, not recorded", "aws", "ecs.RegisterTaskDefinition"),
    KillPoint("migrate: before RunTask", "aws", "ecs.RunTask", after=False),
    KillPoint("migrate: task started, not recorded", "aws", "ecs.RunTask"),
    KillPoint("migrate: its task is waited for", "aws", "ecs.DescribeTasks"),
    KillPoint("roll_out: second revision registered, not recorded", "aws", "ecs.RegisterTaskDefinition", nth=2),
    KillPoint("roll_out: before the first UpdateService", "aws", "ecs.UpdateService", after=False),
    KillPoint("roll_out: first service updated, not recorded", "aws", "ecs.UpdateService"),
    KillPoint("roll_out: second service updated, not recorded", "aws", "ecs.UpdateService", nth=2),
    KillPoint("check: the application is asked", "site", "GET /healthz", after=False),
    KillPoint("end: closing reply posted, not recorded", "slack", "chat.postMessage", nth=2),
)


@pytest.fixture(scope="module")
def killed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, postgres: str
) -> Iterator[dict[str, Future[Counts]]]:
    """What was counted after each kill point that is asked for; several are played at once."""
    wanted = {item.callspec.id for item in request.session.items if hasattr(item, "callspec")}
    make = partial(on_new_stage, engine=None, postgres=postgres)
    with Stages(lambda: make(tmp_path_factory.mktemp("killed"))) as stages, ThreadPoolExecutor(AT_ONCE) as pool:
        futures = {
            point.name: pool.submit(play_once, point, stages, number)
            for number, point in enumerate(POINTS)
            if point.name in wanted
        }
        yield futures
        for future in futures.values():
            future.cancel()


@pytest.mark.parametrize("point", POINTS, ids=[point.name for point in POINTS])
def test_everything_happens_once(
    killed: dict[str, Future[Counts]], point: KillPoint, record_property: Callable[[str, object], None]
) -> None:
    counts = killed[point.name].result()
    record(record_property, point.name, counts)
    assert counts == replace(ONCE, seconds=counts.seconds)


def play_once(point: KillPoint, stages: Stages, number: int) -> Counts:
    """On a free stage."""
    with stages.take() as stage:
        return play(point, stage, page(f"killed-{number}"))

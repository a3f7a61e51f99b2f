"""SIGKILL with a real engine: while docker builds and pushes, and while real containers are replaced."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tengu.sandbox.engine import Engine
from tengu.sandbox.example_app import ChangeSet, Commit
from tests.end_to_end.kill_points import ONCE, KillPoint, Trap, play, record, restart
from tests.end_to_end.stage import Stage, on_new_stage, page

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]
Record = Callable[[str, object], None]

POINTS = (
    KillPoint("docker: before the push of the manifest", "aws", "registry PUT /v2/web/manifests/*", after=False),
    KillPoint("docker: manifest pushed, not recorded", "aws", "registry PUT /v2/web/manifests/*"),
    KillPoint("containers: migration started, not recorded", "aws", "ecs.RunTask"),
    KillPoint("containers: both services updated, not recorded", "aws", "ecs.UpdateService", nth=2),
)
_SLOW = ("COPY . .\n", "COPY . .\nRUN sleep 5\n")


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, postgres: str, engine: Engine) -> Iterator[Stage]:
    """A Tengu with a real engine; every story leaves it running."""
    with on_new_stage(tmp_path_factory.mktemp("real"), engine, postgres) as stage:
        yield stage


@pytest.mark.parametrize("point", POINTS, ids=[point.name for point in POINTS])
def test_everything_happens_once(stage: Stage, point: KillPoint, record_property: Record) -> None:
    counts = play(point, stage, page(f"real-{POINTS.index(point)}"))
    record(record_property, point.name, counts)
    assert counts == replace(ONCE, seconds=counts.seconds)


def test_a_build_that_is_under_way_ends_with_tengu(stage: Stage, record_property: Record) -> None:
    begun = time.monotonic()
    trap = Trap(stage)
    dockerfile = stage.world.repository.files("master")["Dockerfile"].replace(*_SLOW)
    stage.world.merge(ChangeSet("Build slowly", "bob", (Commit("Build slowly", {"Dockerfile": dockerfile}),)))
    number = stage.propose()
    stage.until(stage.everything_said, 60, "the answer")
    commit = stage.merge(number)
    stage.until(lambda: any("docker" in each for each in children(stage)), 60, "docker to build")

    stage.tengu.kill()
    trap.sprung.set()
    stage.until(lambda: not children(stage), 10, "its children to end")
    restart(stage, trap)

    deployment = stage.ended(commit)
    counts = replace(trap.count(deployment), seconds=time.monotonic() - begun)
    record(record_property, "docker: in the middle of the build", counts)
    assert counts == replace(ONCE, seconds=counts.seconds)


def children(stage: Stage) -> list[str]:
    """Command lines of the docker and git processes that work in that Tengu's home."""
    home = stage.tengu.environment["TENGU_HOME"].encode()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes()
        except OSError:  # it ended while we looked
            continue
        program = os.path.basename(command.split(b"\0")[0])  # noqa: PTH119  # bytes
        if program in (b"docker", b"git") and home in command:
            found.append(command.decode(errors="replace"))
    return found

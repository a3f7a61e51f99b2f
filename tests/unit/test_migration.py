"""The named container's exit code decides; no exit code is a failure; a forgotten task is unknown."""

from __future__ import annotations

import pytest

from tengu.domain.container_service import ContainerFacts, TaskFacts
from tengu.domain.migration import TaskEnd, judge_task


def task(status: str, *containers: ContainerFacts, stop_code: str = "", reason: str = "") -> TaskFacts:
    return TaskFacts("arn", "web:8", status, stop_code, reason, containers)


@pytest.mark.parametrize(
    ("facts", "end", "reason"),
    [
        (task("STOPPED", ContainerFacts("app", exit_code=0)), TaskEnd.DONE, "`app` exited with 0."),
        (
            task("STOPPED", ContainerFacts("app", exit_code=0), ContainerFacts("log", exit_code=137)),
            TaskEnd.DONE,
            "`app` exited with 0.",
        ),
        (
            task("RUNNING", ContainerFacts("app", exit_code=0), ContainerFacts("log")),
            TaskEnd.DONE,
            "`app` exited with 0.",
        ),
        (
            task("STOPPED", ContainerFacts("app", exit_code=137, reason="OutOfMemoryError")),
            TaskEnd.FAILED,
            "`app` exited with 137. OutOfMemoryError.",
        ),
        (
            task("STOPPED", ContainerFacts("log", exit_code=0), ContainerFacts("app", exit_code=1)),
            TaskEnd.FAILED,
            "`app` exited with 1.",
        ),
        (
            task("STOPPED", ContainerFacts("app"), reason="CannotPullContainerError: not found"),
            TaskEnd.FAILED,
            "`app` never ran to an end: CannotPullContainerError: not found.",
        ),
        (
            task("STOPPED", ContainerFacts("app"), stop_code="SpotInterruption"),
            TaskEnd.FAILED,
            "`app` never ran to an end: SpotInterruption.",
        ),
        (
            task("STOPPED", ContainerFacts("app")),
            TaskEnd.FAILED,
            "`app` never ran to an end: ECS gives no reason.",
        ),
        (task("STOPPED"), TaskEnd.FAILED, "The task stopped and had no container `app`."),
        (task("PENDING", ContainerFacts("app")), TaskEnd.RUNNING, "The task is pending."),
        (
            None,
            TaskEnd.UNKNOWN,
            "ECS no longer knows the task, so nobody can say whether it did its work.",
        ),
    ],
)
def test_judge_task(facts: TaskFacts | None, end: TaskEnd, reason: str) -> None:
    verdict = judge_task(facts, "app")
    assert (verdict.end, verdict.reason) == (end, reason)

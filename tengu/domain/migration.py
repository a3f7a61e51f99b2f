"""How a one-off task ended, from what ECS says of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from tengu.domain.container_service import TaskFacts


class TaskEnd(StrEnum):
    """How a one-off task ended."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    UNKNOWN = "unknown"  #: ECS forgot it: it may have done its work, so it is never run again


@dataclass(frozen=True)
class TaskVerdict:
    """The end of it and one sentence for people."""

    end: TaskEnd
    reason: str


def judge_task(task: TaskFacts | None, container: str) -> TaskVerdict:
    """Judge a one-off task by the exit code of the one container that does the work.

    Args:
        task: what ECS says; None if it no longer knows the task.
        container: its name. Other containers' exit codes do not count: a sidecar that is killed at the end exits 137.
    """
    if task is None:
        return TaskVerdict(TaskEnd.UNKNOWN, "ECS no longer knows the task, so nobody can say whether it did its work.")
    facts = task.container(container)
    if facts is not None and facts.exit_code is not None:
        if facts.exit_code == 0:
            return TaskVerdict(TaskEnd.DONE, f"`{container}` exited with 0.")
        return TaskVerdict(TaskEnd.FAILED, f"`{container}` exited with {facts.exit_code}.{_because(facts.reason)}")
    if not task.stopped:
        return TaskVerdict(TaskEnd.RUNNING, f"The task is {task.status.lower()}.")
    if facts is None:
        return TaskVerdict(TaskEnd.FAILED, f"The task stopped and had no container `{container}`.")
    why = facts.reason or task.stopped_reason or task.stop_code or "ECS gives no reason"
    return TaskVerdict(TaskEnd.FAILED, f"`{container}` never ran to an end: {why}.")


def _because(reason: str) -> str:
    return f" {reason}." if reason else ""

"""Why new tasks stop: one sentence from what ECS says of stopped tasks, with the next thing to do where it is known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from tengu.domain.container_service import TaskFacts, short

LONGEST_CAUSE = 160  # characters: a pull error repeats whole URLs

# What ECS writes when a task cannot start (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/
# stopped-task-error-codes.html), and what a person does about it.
_ADVICE = (
    ("CannotPullContainer", "the image is missing, or the execution role may not pull it"),
    ("ResourceInitializationError", "look at the secrets, the log group and the execution role of the task definition"),
    ("exec format error", "the image was built for another CPU architecture"),
    ("OutOfMemory", "give the container more memory"),
    ("health check", "look at the health check's path, port and grace period"),
)


def is_failure(task: TaskFacts) -> bool:
    """True if the task stopped by itself or could not start, False if somebody or a scale-in stopped it."""
    if task.stop_code in ("EssentialContainerExited", "TaskFailedToStart"):
        return True
    return "failed" in task.stopped_reason.lower() and "health check" in task.stopped_reason.lower()


def explain(stopped: Iterable[TaskFacts]) -> str:
    """`; 2 tasks of web:8 stopped: …` for the commonest cause, or nothing."""
    tasks = tuple(stopped)
    causes = Counter(_cause(task) for task in tasks)
    if not causes:
        return ""
    cause, times = causes.most_common(1)[0]
    advice = next((text for sign, text in _ADVICE if sign.lower() in cause.lower()), "")
    number = "1 task" if times == 1 else f"{times} tasks"
    return f"; {number} of {short(tasks[0].task_definition)} stopped: {cause}" + (f" ({advice})" if advice else "")


def _cause(task: TaskFacts) -> str:
    exits = [
        f"`{entry.name}` exited with {entry.exit_code}" + (f" ({entry.reason})" if entry.reason else "")
        for entry in task.containers
        if entry.exit_code
    ]
    reasons = [f"`{entry.name}`: {entry.reason}" for entry in task.containers if entry.reason and not entry.exit_code]
    cause = ", ".join(exits or reasons) or " ".join(task.stopped_reason.split()).rstrip(".") or "ECS gives no reason"
    return cause if len(cause) <= LONGEST_CAUSE else f"{cause[: LONGEST_CAUSE - 1]}…"

"""What a step of the pipeline gets, and what it answers.

A step is one function `(StepContext) -> StepResult`. It may run again from its start after a crash, so it looks
before it acts: what it started outside stands in its memo, noted before or right after the effect.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from tengu.config.model import App, Environment
from tengu.domain.deployment import Deployment


@dataclass(frozen=True)
class StepResult:
    """What a finished step hands on.

    Args:
        output: JSON that later steps and rollbacks read (`Deployment.output(name)`).
        detail: one line for people, plain text.
        skipped: True if there was nothing to do (no `migrate:` configured).
    """

    output: Mapping[str, Any] = field(default_factory=dict)
    detail: str = ""
    skipped: bool = False


class StepContext(Protocol):
    """The deployment, its configuration, and the guarded ways to act."""

    app: App
    environment: Environment
    stop: threading.Event
    """Set when the work must end at once (lease lost, shut-down): children are killed, waits return."""
    work_folder: Path
    """A private folder of this deployment; survives a crash of this process, pruned after the deployment ended."""

    @property
    def deployment(self) -> Deployment:
        """The deployment as it was last read."""

    def guard(self) -> None:
        """Call right before every effect outside and in every turn of a wait: renews the lease.

        Raises LeaseLost if it is lost or may be, CancelRequested if a person cancelled.
        """

    def note(self, memo: Mapping[str, Any], detail: str = "") -> None:
        """Keep ids of what was started, and the line people see while it runs. Fenced by the lease."""

    @property
    def memo(self) -> Mapping[str, Any]:
        """What this step noted so far, also before a crash."""

    def sleep(self, seconds: float) -> None:
        """Wait, but wake when `stop` is set (then LeaseLost) or a cancel came (then CancelRequested)."""

    def log(self, line: str) -> None:
        """One line for the deployment's log."""


StepFunction = Callable[[StepContext], StepResult]

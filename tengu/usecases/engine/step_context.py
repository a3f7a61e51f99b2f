"""The guarded ways to act that a step gets (the protocol `StepContext`)."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tengu.config.model import App, Environment
from tengu.domain.deployment import Deployment, StepName
from tengu.errors import LeaseLost
from tengu.ports.store import Deployments
from tengu.usecases.engine.held_lease import HeldLease
from tengu.usecases.engine.reporter import Reporter

_GUARD_EVERY = 2.0
"""Seconds a wait lasts at most before it looks for a cancel: one small write a deployment."""


class RunningStep:
    """The context of one step of one deployment that this process runs."""

    def __init__(
        self,
        name: StepName,
        app: App,
        environment: Environment,
        work_folder: Path,
        deployments: Deployments,
        held: HeldLease,
        reporter: Reporter,
    ) -> None:
        self.app = app
        self.environment = environment
        self.work_folder = work_folder
        self.stop: threading.Event = held.stop
        self._name = name
        self._deployments = deployments
        self._held = held
        self._reporter = reporter

    @property
    def deployment(self) -> Deployment:
        """The deployment as it was last read."""
        return self._held.deployment

    def guard(self) -> None:
        """Renew the lease; raises LeaseLost or CancelRequested. Any thread may call it."""
        self._held.guard()

    def note(self, memo: Mapping[str, Any], detail: str = "") -> None:
        """Keep ids of what was started, and the line people see; on disk once this returns."""
        self._held.write(lambda lease: self._deployments.note(lease, self._name, memo, detail))
        self._reporter.changed()

    @property
    def memo(self) -> Mapping[str, Any]:
        """What this step noted so far, also before a crash."""
        step = self.deployment.step(self._name)
        return step.memo if step is not None else {}

    def sleep(self, seconds: float) -> None:
        """Wait; wakes with LeaseLost, and within two seconds of a cancel with CancelRequested."""
        until = time.monotonic() + seconds
        while (remaining := until - time.monotonic()) > 0:
            if self.stop.wait(min(remaining, _GUARD_EVERY)):
                raise LeaseLost
            self.guard()

    def log(self, line: str) -> None:
        """One line for the deployment's log."""
        self._reporter.log(self._name, line)

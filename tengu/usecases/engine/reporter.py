"""Passes on what a running deployment does, without ever holding it up."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from tengu.domain.deployment import Deployment, StepName
from tengu.errors import ServiceError
from tengu.ports.store import DeploymentLogs, Deployments

OnChange = Callable[[Deployment], None]
_MOST_BUFFERED = 5_000
_log = logging.getLogger(__name__)


class Reporter:
    """A thread that tells of changes at most once a pause, and writes the log in batches."""

    def __init__(
        self, number: int, deployments: Deployments, logs: DeploymentLogs, on_change: OnChange, pause: float
    ) -> None:
        self._number = number
        self._deployments = deployments
        self._logs = logs
        self._on_change = on_change
        self._pause = pause
        self._lines: list[tuple[StepName, str]] = []
        self._changed = threading.Event()
        self._left = threading.Event()
        self._thread = threading.Thread(target=self._report, name=f"report-{number}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._left.set()
        self._thread.join()

    def changed(self) -> None:
        """The deployment is not as it was."""
        self._changed.set()

    def log(self, step: StepName, line: str) -> None:
        """Add one line; dropped where the database has been away for long."""
        if len(self._lines) < _MOST_BUFFERED:
            self._lines.append((step, line))

    def _report(self) -> None:
        while not self._left.wait(self._pause):
            self._tell()
            self._write_lines()
        self._write_lines()

    def _tell(self) -> None:
        if not self._changed.is_set():
            return
        self._changed.clear()
        try:
            deployment = self._deployments.get(self._number)  # as it is now: what we knew may be old
            if deployment is not None:
                self._on_change(deployment)
        except ServiceError as error:
            self._changed.set()
            _log.warning("deployment %s: its progress could not be told: %s", self._number, error)
        except Exception:  # noqa: BLE001  # what people are told never decides over a deployment
            _log.exception("deployment %s: its progress could not be told", self._number)

    def _write_lines(self) -> None:
        lines = self._lines[:]
        try:
            for step in dict.fromkeys(step for step, _ in lines):
                self._logs.append(self._number, step, [line for name, line in lines if name is step])
        except ServiceError as error:
            _log.warning("deployment %s: its log could not be written: %s", self._number, error)
            return
        del self._lines[: len(lines)]

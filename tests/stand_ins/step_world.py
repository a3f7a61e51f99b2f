"""A step context in memory, for steps that are tried on the AWS stand-in without the engine."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tengu.config.model import App, Environment, Image, Service
from tengu.domain.deployment import Deployment, Kind, State, Step, StepName, StepState
from tengu.domain.people import Actor
from tengu.errors import CancelRequested, LeaseLost
from tengu.usecases.steps.pace import Pace

COMMIT = "c0ffee" + "0" * 34
QUICK = Pace(first=0.05, later=0.05, find_for=0.2, going_back=1.0)


class Killed(BaseException):
    """The process was killed here."""


class RealClock:
    """The machine's own."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


def environment(*services: str, **changes: Any) -> Environment:
    """An environment whose services run in cluster `prod`, container `app`."""
    values: dict[str, Any] = {
        "image": Image(repository="127.0.0.1:5000/web"),
        "services": tuple(Service(cluster="prod", service=name, containers=("app",)) for name in services),
        "rollout_timeout": timedelta(seconds=20),
    }
    return Environment(**values | changes)


def deployment(number: int = 7, kind: Kind = Kind.MERGE, target: int | None = None) -> Deployment:
    """A running deployment that has no finished step."""
    return Deployment(
        number=number,
        app="web",
        environment="production",
        kind=kind,
        commit=COMMIT,
        source_commit=COMMIT,
        base=None,
        pull_request=1,
        items=(),
        person=Actor("cli", "test"),
        target=target,
        state=State.RUNNING,
        created_at=datetime.now(UTC),
    )


def finished(of: Deployment, name: StepName, output: Mapping[str, Any]) -> Deployment:
    """The same with one more finished step."""
    now = datetime.now(UTC)
    return replace(of, steps=(*of.steps, Step(name, StepState.DONE, now, now, output=output)))


def built(of: Deployment, repository: str, digest: str) -> Deployment:
    """The same with an image."""
    return finished(of, StepName.BUILD, {"repository": repository, "digest": digest, "tag": "t"})


class Context:
    """A `StepContext`. `on_note` sees every note and may raise `Killed`."""

    def __init__(self, of: Deployment, configured: Environment) -> None:
        self.deployment = of
        self.environment = configured
        self.app = App(repository="acme/web", channel="C0DEPLOY", environments={"production": configured})
        self.stop = threading.Event()
        self.work_folder = Path("/nonexistent")
        self.memo: dict[str, Any] = {}
        self.lines: list[str] = []
        self.details: list[str] = []
        self.cancelled = False
        self.on_note: Callable[[Mapping[str, Any]], None] = lambda _memo: None

    def guard(self) -> None:
        if self.stop.is_set():
            raise LeaseLost
        if self.cancelled:
            raise CancelRequested

    def note(self, memo: Mapping[str, Any], detail: str = "") -> None:
        self.memo |= memo
        self.details += [detail] if detail else []
        self.on_note(memo)

    def sleep(self, seconds: float) -> None:
        if self.stop.wait(seconds):
            raise LeaseLost
        self.guard()

    def log(self, line: str) -> None:
        self.lines.append(line)

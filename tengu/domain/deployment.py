"""A deployment: one run that brings one commit into one environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from tengu.domain.people import Actor


class Outcome(StrEnum):
    """How a deployment ended; the words and their meaning are the public interface's."""

    SUCCEEDED = "succeeded"
    ROLLED_BACK = "rolled_back"
    FAILED = "failed"
    SUPERSEDED = "superseded"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"
    UNKNOWN = "unknown"


class State(StrEnum):
    """Where a deployment is in its life."""

    HELD = "held"  #: may not start until a person says `resume`
    WAITING = "waiting"  #: starts when the lane is free
    RUNNING = "running"  #: owns the lane
    ENDED = "ended"  #: has an outcome; `unknown` still keeps the lane


class Kind(StrEnum):
    """What made the deployment."""

    MERGE = "merge"  #: a pull request was merged into the deployment branch
    PUSH = "push"  #: `deploy_on: push`: the branch moved, or a person asked for its head
    RETRY = "retry"  #: the commit of an earlier deployment once more
    ROLLBACK = "rollback"  #: back to what an earlier deployment ran


class StepName(StrEnum):
    """The steps, in the order in which they run."""

    CHECKOUT = "checkout"
    BUILD = "build"
    MIGRATE = "migrate"
    ROLL_OUT = "roll_out"
    CHECK = "check"


class StepState(StrEnum):
    """Where a step is."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Step:
    """One step of one deployment.

    Args:
        memo: what the step noted on its way (ids of what it started outside), to be found again after a crash.
        output: what a finished step handed on; JSON.
        detail: one line for people (`reused image web:3f2a`, `2 of 3 tasks running`), plain text.
    """

    name: StepName
    state: StepState
    started_at: datetime
    finished_at: datetime | None = None
    memo: Mapping[str, Any] = field(default_factory=dict)
    output: Mapping[str, Any] = field(default_factory=dict)
    detail: str = ""

    def seconds(self, now: datetime) -> float:
        """How long it took, or has taken so far, in seconds."""
        return ((self.finished_at or now) - self.started_at).total_seconds()


@dataclass(frozen=True)
class Deployment:
    """One deployment as it is recorded.

    Args:
        number: counted over all apps.
        commit: the commit that is deployed (the merge commit of the deployment pull request).
        source_commit: head of the source branch that was merged; the commit itself on push environments.
        base: source commit that ran before; None where nothing had been deployed.
        pull_request: number of the deployment pull request; None for pushes.
        items: numbers of the merged pull requests it brings.
        person: who merged, pushed or asked.
        target: for a rollback and a retry: the number of the deployment it goes to, or repeats.
        reason: why it ended, or is held, as it does; plain text.
        steps: in the order in which they started.
    """

    number: int
    app: str
    environment: str
    kind: Kind
    commit: str
    source_commit: str
    base: str | None
    pull_request: int | None
    items: tuple[int, ...]
    person: Actor
    target: int | None
    state: State
    created_at: datetime
    outcome: Outcome | None = None
    code: str = ""
    reason: str = ""
    cancel_requested_by: Actor | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    steps: tuple[Step, ...] = ()

    def step(self, name: StepName) -> Step | None:
        """The step of that name, if it has started."""
        return next((step for step in self.steps if step.name is name), None)

    def output(self, name: StepName) -> Mapping[str, Any]:
        """What the finished step of that name handed on; empty if it has not finished."""
        step = self.step(name)
        return step.output if step is not None and step.state is StepState.DONE else {}

    @property
    def lane(self) -> tuple[str, str]:
        """The right it needs: (app, environment)."""
        return (self.app, self.environment)


@dataclass(frozen=True)
class NewDeployment:
    """What is recorded when a deployment is asked for."""

    app: str
    environment: str
    kind: Kind
    commit: str
    source_commit: str
    base: str | None
    pull_request: int | None
    items: tuple[int, ...]
    person: Actor
    target: int | None = None
    hold_code: str = ""
    hold_reason: str = ""

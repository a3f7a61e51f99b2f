"""Deployments, their lanes, leases and logs. See `tengu.ports.store`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from tengu.domain.deployment import Deployment, NewDeployment, Outcome, StepName
from tengu.domain.people import Actor


@dataclass(frozen=True)
class Lease:
    """The right to run one deployment: every write with it is refused once another process took over.

    Args:
        token: fencing token; larger than every earlier one of this deployment.
        takeovers: how often a process took it over without a newly finished step in between.
    """

    number: int
    owner: str
    token: int
    takeovers: int = 0


class Deployments(Protocol):
    """The deployments, their lanes and leases. Methods that take a lease raise `LeaseLost` when it is."""

    def create(self, new: NewDeployment) -> Deployment | None:
        """Record it, waiting (or held, if it says why) and wake a worker.

        None if kind is merge or push and a deployment of *any* outcome exists for the same environment and
        commit with kind merge or push: a merge is deployed once.
        """

    def get(self, number: int) -> Deployment | None:
        """With its steps."""

    def history(
        self, *, app: str | None = None, environment: str | None = None, limit: int = 20
    ) -> tuple[Deployment, ...]:
        """Newest first, with their steps."""

    def known_commit(self, app: str, environment: str, commit: str) -> bool:
        """True if a deployment of any kind and outcome exists for it."""

    def last_succeeded(self, app: str, environment: str, *, before: int | None = None) -> Deployment | None:
        """The newest with outcome succeeded (and a number below `before`)."""

    def in_lane(self, app: str, environment: str) -> Deployment | None:
        """The one that holds the lane: running, or ended as unknown and not given up."""

    def waiting(self, app: str, environment: str) -> tuple[Deployment, ...]:
        """Those that wait for the lane, oldest first."""

    def held(self, app: str, environment: str) -> tuple[Deployment, ...]:
        """Those that are held, oldest first."""

    def claim(self, owner: str, lease_for: timedelta) -> tuple[Deployment, Lease] | None:
        """Take one to run: first a running one whose lease has run out, else the oldest waiting one of a free
        lane. Fair over lanes. None if there is nothing to do."""

    def renew(self, lease: Lease, lease_for: timedelta) -> Deployment:
        """Prolong it; answers with the deployment as recorded now (a cancel request shows there)."""

    def hand_over(self, lease: Lease) -> None:
        """Let another process take it over at once (shut-down); not counted as a takeover."""

    def start_step(self, lease: Lease, name: StepName) -> Deployment:
        """The step runs from now; started already: keeps its start and memo."""

    def note(self, lease: Lease, name: StepName, memo: Mapping[str, Any], detail: str = "") -> Deployment:
        """Merge `memo` into the running step's memo and set its detail line."""

    def finish_step(self, lease: Lease, name: StepName, output: Mapping[str, Any], detail: str = "") -> Deployment:
        """The step is done (also counts as progress: takeovers start from 0 again)."""

    def fail_step(self, lease: Lease, name: StepName, detail: str) -> Deployment:
        """The step failed."""

    def skip_step(self, lease: Lease, name: StepName, detail: str) -> Deployment:
        """The step is not needed."""

    def finish(self, lease: Lease, outcome: Outcome, code: str, reason: str) -> Deployment:
        """End it. Frees the lane and wakes the next, except for `unknown`, which keeps the lane."""

    def end_unstarted(self, number: int, outcome: Outcome, code: str, reason: str) -> Deployment | None:
        """End one that is waiting or held (skipped, cancelled); None if it is neither by now."""

    def hold(self, lease: Lease, code: str, reason: str) -> Deployment:
        """Put a claimed one that has not begun a step back as held; frees the lane."""

    def resume(self, number: int) -> Deployment | None:
        """Held -> waiting; None if it is not held."""

    def request_cancel(self, number: int, by: Actor) -> Deployment | None:
        """Ask a running one to stop; None if it is not running."""

    def release_lane(self, number: int) -> bool:
        """Give up the lane of one that ended as unknown; False if it does not hold it."""

    def untold(self) -> tuple[Deployment, ...]:
        """Those whose run ended some seconds ago, at most a day, and whose end was not passed on to people.

        Each is answered once in 30 seconds, so that several processes do not tell it at once.
        """

    def told(self, number: int) -> None:
        """Its end was passed on to people."""


@dataclass(frozen=True)
class LogLine:
    """One line of a deployment's log; `position` grows, and is what a reader goes on from."""

    position: int
    at: datetime
    step: str
    line: str


class DeploymentLogs(Protocol):
    """What the steps printed, bounded in length."""

    def append(self, number: int, step: StepName, lines: Sequence[str]) -> None:
        """Add lines; what goes beyond the bound is dropped, and that is said once."""

    def read(self, number: int, after: int = 0, limit: int = 1000) -> tuple[LogLine, ...]:
        """Lines behind that position, oldest first."""

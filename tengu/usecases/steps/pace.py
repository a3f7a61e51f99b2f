"""How often steps look, how long they are patient, and waits that a cancel does not end."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from tengu.errors import CancelRequested, LeaseLost, ServiceError
from tengu.ports.clock import Clock
from tengu.usecases.step import StepContext

_Answer = TypeVar("_Answer")


@dataclass(frozen=True)
class Pace:
    """All in seconds.

    Args:
        first, later: between two looks, at the beginning and after `slow_after`.
        find_for: how long ECS may take to show the service deployment that UpdateService began.
        going_back: how long ECS may take to begin the rollback that it is configured to do.
    """

    first: float = 3.0
    later: float = 15.0
    slow_after: float = 90.0
    find_for: float = 30.0
    going_back: float = 60.0

    def pause(self, elapsed: float) -> float:
        """Seconds until the next look, with jitter so that many deployments do not ask in step."""
        base = self.first if elapsed < self.slow_after else self.later
        return base * random.uniform(0.85, 1.15)  # noqa: S311  # jitter


class Waits:
    """Guarded acting and waiting for one step.

    Args:
        cancellable: False while things are put back: a cancel, which may have caused it, is no reason to stop.
    """

    def __init__(self, context: StepContext, clock: Clock, pace: Pace, *, cancellable: bool = True) -> None:
        self._context = context
        self._clock = clock
        self._cancellable = cancellable
        self.pace = pace
        self._begun = clock.monotonic()

    def now(self) -> datetime:
        """Aware, UTC."""
        return self._clock.now()

    @property
    def elapsed(self) -> float:
        """Seconds since this process began to wait for it."""
        return self._clock.monotonic() - self._begun

    def restart(self) -> None:
        """Something new is waited for: look often again."""
        self._begun = self._clock.monotonic()

    def guard(self) -> None:
        """Renew the lease; raises LeaseLost, and CancelRequested where that is allowed."""
        try:
            self._context.guard()
        except CancelRequested:
            if self._cancellable:
                raise

    def sleep(self) -> None:
        """Wait until the next look."""
        seconds = self.pace.pause(self.elapsed)
        if self._cancellable:
            self._context.sleep(seconds)
        elif self._context.stop.wait(seconds):
            raise LeaseLost

    def patiently(self, call: Callable[[], _Answer], deadline: datetime) -> _Answer:
        """Make a call that may be repeated again and again while AWS fails in a way that passes, until `deadline`."""
        while True:
            self.guard()
            try:
                return call()
            except ServiceError as error:
                if not error.transient or self.now() >= deadline:
                    raise
                self._context.note({}, f"{error} Trying again.")
                self._context.log(str(error))
            self.sleep()

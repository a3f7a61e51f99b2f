"""`lock` and `unlock`: nobody deploys to this environment, until when and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from tengu.domain.answer import Answer
from tengu.domain.deployment import State
from tengu.domain.messages.words import span, when
from tengu.domain.people import Actor
from tengu.domain.text import mrkdwn
from tengu.errors import Refused
from tengu.ports.clock import Clock
from tengu.ports.store import Deployments, Environments, Event, Events, Lock
from tengu.usecases.people import People


@dataclass(frozen=True)
class LockEnvironment:
    """Locks and unlocks; a lock stops automation and its owner alike."""

    environments: Environments
    deployments: Deployments
    events: Events
    people: People
    clock: Clock

    def lock(self, app: str, environment: str, actor: Actor, length: timedelta | None, why: str) -> Answer:
        """Lock it for `length`, or until somebody unlocks it."""
        now = self.clock.now()
        lock = Lock(actor, why, now, now + length if length else None)
        self.environments.lock(app, environment, lock)
        self.events.record(Event(actor, "lock", "done", app, environment, why=why))
        until = (
            f"for {span(length)}, until {when(lock.until)}" if length and lock.until else "until somebody unlocks it"
        )
        running = self.deployments.in_lane(app, environment)
        still = (
            f" Deployment {running.number} runs already and goes on; `@tengu cancel {environment} {app}` stops it."
            if running and running.state is State.RUNNING
            else ""
        )
        reason = f" ({mrkdwn(why)})" if why else ""
        return Answer(
            f":lock: {app} {environment} is locked {until}{reason}. Merges are held meanwhile.{still} "
            f"To lift it: `@tengu unlock {environment} {app}`"
        )

    def unlock(self, app: str, environment: str, actor: Actor, *, force: bool) -> Answer:
        """Lift the lock; with `force` also give up the lane of a deployment whose outcome is unknown.

        Raises:
            Refused: it is not locked, and there is no lane to give up.
        """
        lock = self.environments.unlock(app, environment)
        stuck = self.deployments.in_lane(app, environment)
        released = bool(force and stuck and stuck.state is State.ENDED and self.deployments.release_lane(stuck.number))
        if lock is None and not released:
            raise self._nothing_to_unlock(app, environment, stuck is not None and stuck.state is State.ENDED)
        self.events.record(Event(actor, "unlock", "done", app, environment, detail={"force": force}))
        parts = []
        if lock:
            by = self.people.names().actor(lock.by)
            parts.append(f":unlock: {app} {environment} is unlocked; it was locked by {by} since {when(lock.since)}.")
        if released and stuck:
            parts.append(f"The lane of deployment {stuck.number} is given up; look at ECS before you deploy again.")
        if held := self.deployments.held(app, environment):
            parts.append(f"Deployment {held[-1].number} is held; to start it: `@tengu resume {environment} {app}`")
        return Answer(" ".join(parts))

    def _nothing_to_unlock(self, app: str, environment: str, is_stuck: bool) -> Refused:
        next_step = (
            f"One whose outcome is unknown keeps the lane; to give that up: `@tengu unlock {environment} {app} --force`"
            if is_stuck
            else ""
        )
        return Refused("not_locked", f"{app} {environment} is not locked.", next_step)

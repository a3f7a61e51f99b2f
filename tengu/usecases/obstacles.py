"""What forbids a deployment now: a lock, a freeze, a person who is not allowed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from tengu.config.model import Settings
from tengu.domain.deployment import Deployment, Kind
from tengu.domain.freeze import freeze_in_force
from tengu.domain.people import Actor
from tengu.domain.reconcile import Obstacle
from tengu.errors import Refused
from tengu.ports.clock import Clock
from tengu.ports.store import Environments
from tengu.usecases.authorise import Authorise
from tengu.usecases.people import People


@dataclass(frozen=True)
class Obstacles:
    """Asked when a person asks, when a pull request is merged, and again right before the first step.

    A rollback passes locks and freezes: it is the way back to what ran, and whoever asks for it has been checked.
    """

    settings: Settings
    environments: Environments
    authorise: Authorise
    people: People
    clock: Clock

    def closed(self, app: str, environment: str) -> Obstacle | None:
        """The lock or freeze in force."""
        lock = self.environments.current_lock(app, environment)
        if lock:
            by = self.people.plain(lock.by)
            return Obstacle("environment_locked", f"{environment} is locked by {by}{self._until(lock.until, lock.why)}")
        configured = self.settings.apps[app].environments[environment].freezes
        freezes = [each.window for each in configured]
        freeze = freeze_in_force(freezes, self._zone, self.clock.now())
        if freeze:
            return Obstacle("environment_frozen", f"{environment} is frozen{self._until(freeze.until, freeze.why)}")
        return None

    @property
    def _zone(self) -> ZoneInfo:
        return ZoneInfo(self.settings.timezone)

    def _until(self, until: datetime | None, why: str) -> str:
        """` until Mon 2026-03-02 08:00 (Asia/Tokyo): why.`"""
        end = f" until {until.astimezone(self._zone):%a %Y-%m-%d %H:%M} ({self.settings.timezone})" if until else ""
        return f"{end}: {why}." if why else f"{end}."

    def refuse_if_closed(self, app: str, environment: str) -> None:
        """Raises Refused if a lock or a freeze is in force."""
        obstacle = self.closed(app, environment)
        if obstacle is None:
            return
        if obstacle.code == "environment_locked":
            raise Refused(obstacle.code, obstacle.fact, f"To lift it: `@tengu unlock {environment} {app}`")
        raise Refused(obstacle.code, obstacle.fact, "Ask again once it is over.")

    def for_merge(self, app: str, environment: str, person: Actor) -> Obstacle | None:
        """What forbids a deployment that this person merged or pushed."""
        return self.closed(app, environment) or self._not_allowed(app, environment, person)

    def before_start(self, deployment: Deployment) -> Obstacle | None:
        """What forbids a deployment that is about to take its first step."""
        if deployment.kind is Kind.ROLLBACK:
            return None
        return self.closed(deployment.app, deployment.environment)

    def _not_allowed(self, app: str, environment: str, person: Actor) -> Obstacle | None:
        if person.source != "github":
            return None
        try:
            self.authorise.merger(app, environment, person.id)
        except Refused as refusal:
            return Obstacle(refusal.code, refusal.fact)
        return None

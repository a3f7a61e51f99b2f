"""`rollback`: back to what an earlier deployment ran, by its recorded digest and revisions."""

from __future__ import annotations

from dataclasses import dataclass

from tengu.config.model import Settings
from tengu.domain.answer import Answer
from tengu.domain.deployment import Deployment, Kind, NewDeployment, Outcome, State, StepName
from tengu.domain.messages.words import plural, short
from tengu.domain.people import Actor
from tengu.domain.text import mrkdwn
from tengu.errors import Refused
from tengu.ports.clock import Clock
from tengu.ports.store import Deployments, Environments, Event, Events, Lock, VerificationItem, Verifications
from tengu.usecases.announce import Announce
from tengu.usecases.people import People


@dataclass(frozen=True)
class RollBack:
    """Records the rollback and locks the environment, so that the next merge does not bring the trouble back."""

    settings: Settings
    deployments: Deployments
    environments: Environments
    verifications: Verifications
    events: Events
    people: People
    announce: Announce
    clock: Clock

    def __call__(self, app: str, environment: str, actor: Actor, to: int | None, *, confirmed: bool) -> Answer:
        """Roll back to deployment `to`, or to the last succeeded one before the one that runs.

        Raises:
            Refused: there is nothing to go back to, or a migration that must not be left behind ran since.
        """
        running = self.deployments.last_succeeded(app, environment)
        target = self._target(app, environment, running, to)
        taken_back = self._taken_back(app, environment, target)
        question = self._question(app, environment, taken_back)
        items = self._items(taken_back)
        if question and not confirmed:
            return Answer(
                f"{question} {self._says(items)}",
                question=question,
                command=f"rollback {environment} {app} to {target.number}",
            )
        self._free_lane(app, environment)
        why = f"rolled back to deployment {target.number}"
        self.environments.lock(app, environment, Lock(actor, why, self.clock.now()))
        rollback = self.deployments.create(self._new(target, running, actor))
        if rollback is None:
            raise Refused(
                "already_deploying", "The same rollback is recorded already.", f"`@tengu status {environment} {app}`"
            )
        self.events.record(Event(actor, "rollback", "done", app, environment, rollback.number, why=why))
        self.announce(rollback)
        return Answer(
            f"Deployment {rollback.number} takes {app} {environment} back to {short(target.commit)}, which deployment "
            f"{target.number} ran. {self._says(items)} {environment} is locked until "
            f"`@tengu unlock {environment} {app}`."
        )

    def _target(self, app: str, environment: str, running: Deployment | None, to: int | None) -> Deployment:
        target = self.deployments.get(to) if to is not None else self._before(app, environment, running)
        history = f"`@tengu history {environment} {app}`"
        if target is None or target.lane != (app, environment):
            wanted = f"deployment {to}" if to else "earlier succeeded deployment"
            fact = f"{app} {environment} has no {wanted} to go back to."
            raise Refused("nothing_to_roll_back_to", fact, f"What there is: {history}")
        if target.outcome is not Outcome.SUCCEEDED or not target.output(StepName.ROLL_OUT):
            raise Refused("not_a_succeeded_deployment", f"Deployment {target.number} did not succeed.", history)
        return target

    def _before(self, app: str, environment: str, running: Deployment | None) -> Deployment | None:
        """What ran before what runs; a rollback stands for the deployment it went back to."""
        if self._last_failed_over(app, environment, running):
            return running
        candidate = running
        while candidate is not None and running is not None and candidate.commit == running.commit:
            before = candidate.target if candidate.kind is Kind.ROLLBACK else candidate.number
            candidate = self.deployments.last_succeeded(app, environment, before=before)
        return candidate

    def _last_failed_over(self, app: str, environment: str, running: Deployment | None) -> bool:
        """True if a later deployment left the services in a state that is not what last succeeded."""
        recorded = self.deployments.history(app=app, environment=environment, limit=1)
        return bool(
            running
            and recorded
            and recorded[0].number > running.number
            and recorded[0].outcome in (Outcome.UNKNOWN, Outcome.FAILED)
            and recorded[0].step(StepName.ROLL_OUT)
        )

    def _taken_back(self, app: str, environment: str, target: Deployment) -> tuple[Deployment, ...]:
        recorded = self.deployments.history(app=app, environment=environment, limit=200)
        return tuple(each for each in recorded if each.number > target.number and each.outcome is Outcome.SUCCEEDED)

    def _question(self, app: str, environment: str, taken_back: tuple[Deployment, ...]) -> str:
        migrate = self.settings.apps[app].environments[environment].migrate
        migrated = [each for each in taken_back if each.output(StepName.MIGRATE)]
        if migrate is None or not migrated or migrate.rollback_safe is True:
            return ""
        fact = (
            f"Deployment {migrated[0].number} ran a migration, and a rollback of the code leaves its schema in place."
        )
        if migrate.rollback_safe is False:
            raise Refused(
                "migration_not_rollback_safe", fact, "Merge a fix instead, or set `rollback_safe` in tengu.yml."
            )
        return f"{fact} Does the older code work with it?"

    def _items(self, taken_back: tuple[Deployment, ...]) -> tuple[VerificationItem, ...]:
        return tuple(
            item
            for deployment in taken_back
            if deployment.pull_request is not None
            for item in self.verifications.items(*deployment.lane, deployment.pull_request)
            if item.item in deployment.items
        )

    def _says(self, items: tuple[VerificationItem, ...]) -> str:
        if not items:
            return ""
        names = self.people.names()
        listed = [
            f"#{item.item} {mrkdwn(item.title)} ({', '.join(names.login(login) for login in item.verifiers)})"
            for item in items[:20]
        ]
        more = f", and {len(items) - 20} more" if len(items) > 20 else ""
        return f"That takes back {plural(len(items), 'pull request')}: {'; '.join(listed)}{more}."

    def _free_lane(self, app: str, environment: str) -> None:
        stuck = self.deployments.in_lane(app, environment)
        if stuck and stuck.state is State.ENDED:
            self.deployments.release_lane(stuck.number)

    def _new(self, target: Deployment, running: Deployment | None, actor: Actor) -> NewDeployment:
        return NewDeployment(
            app=target.app,
            environment=target.environment,
            kind=Kind.ROLLBACK,
            commit=target.commit,
            source_commit=target.source_commit,
            base=running.source_commit if running else None,
            pull_request=None,
            items=(),
            person=actor,
            target=target.number,
        )

"""Puts every changed service back to the revision that it ran before, and waits until that is seen to serve."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from tengu.domain.container_service import ServiceFacts, ServiceRef, short
from tengu.domain.deployment import Outcome
from tengu.domain.rollout import Progress, Target
from tengu.errors import OutcomeUnknown, Refused, ServiceError
from tengu.ports.container_service import ContainerService
from tengu.usecases.step import StepContext
from tengu.usecases.steps.ended import Ended
from tengu.usecases.steps.pace import Waits
from tengu.usecases.steps.parts import Part, describe
from tengu.usecases.steps.watch import Watch, Watched


@dataclass(frozen=True)
class Cause:
    """Why it goes back: the outcome once everything is back, its code, and what happened."""

    outcome: Outcome
    code: str
    reason: str


def going_back(context: StepContext) -> Cause | None:
    """The cause, if this step was going back already when its process ended."""
    noted = context.memo.get("back")
    return Cause(Outcome(noted["outcome"]), noted["code"], noted["reason"]) if noted else None


class GoBack:
    """One way back.

    Args:
        waits: not cancellable.
    """

    def __init__(self, context: StepContext, ecs: ContainerService, waits: Waits) -> None:
        self._context = context
        self._ecs = ecs
        self._waits = waits

    def run(self, parts: tuple[Part, ...], cause: Cause) -> None:
        """Go back; always raises.

        Raises:
            Ended: with the cause's outcome once the old revisions serve; `failed` with the state listed if somebody
                else has deployed to one of the services meanwhile.
            OutcomeUnknown: the old revision was not seen to serve again.
        """
        deadline = self._begin(cause)
        changed = tuple(part for part in parts if part.changed)
        try:
            targets = self._targets(changed, deadline)
            watched = Watch(self._ecs, self._waits, targets, self._say, until_all=True, fresh=False).run(deadline)
            services = self._waits.patiently(lambda: self._ecs.services([part.ref for part in changed]), deadline)
        except (ServiceError, Refused) as error:
            raise OutcomeUnknown("rollback_failed", f"{cause.reason} Going back failed too: {error}") from error
        self._end(cause, changed, watched, services)

    def _begin(self, cause: Cause) -> datetime:
        noted = self._context.memo.get("back")
        if noted:
            return datetime.fromisoformat(noted["deadline"])
        deadline = self._waits.now() + self._context.environment.rollout_timeout
        memo = {"outcome": cause.outcome.value, "code": cause.code, "reason": cause.reason}
        self._context.note({"back": {**memo, "deadline": deadline.isoformat()}}, f"{cause.reason} Going back.")
        self._context.log(f"{cause.reason} Going back.")
        return deadline

    def _targets(self, changed: tuple[Part, ...], deadline: datetime) -> list[Target]:
        """Update those that still run ours; ECS may have gone back by itself, and others may have deployed."""
        targets = []
        for part in changed:
            facts = self._waits.patiently(lambda one=part: self._ecs.services([one.ref])[one.ref], deadline)  # type: ignore[misc]
            if facts.task_definition == part.revision:
                facts = self._waits.patiently(lambda one=part: self._ecs.update(one.ref, one.previous), deadline)  # type: ignore[misc]
                self._context.log(f"UpdateService {part.ref}: back to {short(part.previous)}")
            primary = facts.primary
            if facts.task_definition == part.previous and primary is not None:
                targets.append(_old(part, primary.id))
        return targets

    def _end(
        self, cause: Cause, changed: tuple[Part, ...], watched: Watched, services: Mapping[ServiceRef, ServiceFacts]
    ) -> None:
        now = f"Now {describe(changed, services)}."
        states = {verdict.progress for verdict in watched.verdicts.values()}
        foreign = [part for part in changed if part.ref not in watched.verdicts] if not watched.unanswered else []
        if watched.unanswered or not states <= {Progress.SUCCEEDED, Progress.SUPERSEDED}:
            failure = watched.unanswered or watched.sentences
            raise OutcomeUnknown("rollback_failed", f"{cause.reason} Going back was not seen to work: {failure} {now}")
        if foreign or Progress.SUPERSEDED in states:
            raise Ended(Outcome.FAILED, cause.code, f"{cause.reason} Somebody else deployed meanwhile. {now}")
        raise Ended(cause.outcome, cause.code, f"{cause.reason} Everything is back as it was. {now}")

    def _say(self, text: str) -> None:
        self._context.note({}, f"Going back. {text}")
        self._context.log(text)


def _old(part: Part, deployment: str) -> Target:
    """Its digest is not checked: what it ran before may have been named by a tag."""
    return Target(part.ref, part.previous, part.revision, deployment, part.containers, what=short(part.previous))

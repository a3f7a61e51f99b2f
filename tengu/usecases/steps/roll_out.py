"""The step `roll_out`: every service runs the new image, or is seen to run the old one again, or nobody can say."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from tengu.domain.container_service import ServiceFacts, short
from tengu.domain.deployment import Kind, Outcome
from tengu.domain.rollout import Progress
from tengu.errors import CancelRequested, OutcomeUnknown, Refused, ServiceError
from tengu.ports.clock import Clock
from tengu.ports.container_service import ContainerService, ContainerServices
from tengu.usecases.step import StepContext, StepResult
from tengu.usecases.steps.ended import Ended
from tengu.usecases.steps.go_back import Cause, GoBack, going_back
from tengu.usecases.steps.pace import Pace, Waits
from tengu.usecases.steps.parts import Part, describe, load
from tengu.usecases.steps.start_rollout import Recorded, StartRollout
from tengu.usecases.steps.stay import forbids, stays
from tengu.usecases.steps.watch import Watch, Watched


class RollOut:
    """The step.

    Args:
        services: ECS for any environment.
        recorded: a deployment by number (a rollback goes to what its target recorded).
        pace: how often to look.
    """

    def __init__(self, services: ContainerServices, clock: Clock, recorded: Recorded, pace: Pace | None = None) -> None:
        self._services = services
        self._clock = clock
        self._recorded = recorded
        self._pace = pace or Pace()

    def __call__(self, context: StepContext) -> StepResult:
        """Roll out, and go back if that fails.

        Returns:
            output `{"services": [{cluster, service, task_definition, previous_task_definition, digest, desired,
            running}], "notes": […]}`: what later rollbacks read.

        Raises:
            Ended: rolled back, failed with the mixed state listed, superseded, or cancelled after going back.
            OutcomeUnknown: AWS could not be asked until the time-out, or going back failed.
            Refused, ServiceError: it could not begin; no service has changed.
        """
        environment = context.environment
        ecs = self._services.for_environment(environment.region, environment.role_arn)
        return _Run(context, ecs, self._clock, self._recorded, self._pace).run()


class _Run:
    def __init__(
        self, context: StepContext, ecs: ContainerService, clock: Clock, recorded: Recorded, pace: Pace
    ) -> None:
        self._context = context
        self._ecs = ecs
        self._waits = Waits(context, clock, pace)
        self._start = StartRollout(context, ecs, self._waits, recorded)
        self._back = GoBack(context, ecs, Waits(context, clock, pace, cancellable=False))
        self._deadline = self._read_deadline()

    def run(self) -> StepResult:
        cause = going_back(self._context)
        if cause is not None:
            self._back.run(load(self._context), cause)
        try:
            parts = self._start.update(self._start.prepare(self._deadline), self._deadline)
            watched = self._watch(parts, until_all=bool(forbids(self._context)))
        except CancelRequested:
            self._back_or_raise(Cause(Outcome.CANCELLED, "cancelled", "A person cancelled it."))
            raise
        except (ServiceError, Refused) as error:
            self._back_or_raise(Cause(Outcome.ROLLED_BACK, "rollout_failed", str(error)))
            raise
        return self._end(parts, watched)

    def _back_or_raise(self, cause: Cause) -> None:
        """Put back what may have changed; answers if nothing has, so that the error itself can be raised."""
        parts = load(self._context)
        if not any(part.changed for part in parts):
            return
        forbidden = forbids(self._context, cancelled=cause.outcome is Outcome.CANCELLED)
        if forbidden:
            raise stays(self._ecs, parts, cause, forbidden)
        self._back.run(parts, cause)

    def _watch(self, parts: tuple[Part, ...], *, until_all: bool) -> Watched:
        fresh = self._context.deployment.kind is not Kind.ROLLBACK and not any(part.unchanged for part in parts)
        targets = [part.target() for part in parts]
        watch = Watch(self._ecs, self._waits, targets, self._say, until_all=until_all, fresh=fresh)
        return watch.run(self._deadline)

    def _end(self, parts: tuple[Part, ...], watched: Watched) -> StepResult:
        progress = watched.progress
        if progress is Progress.SUCCEEDED and not watched.unanswered:
            return _result(parts, watched)
        if watched.unanswered:
            raise OutcomeUnknown("ecs_unreachable", f"Until the time-out: {watched.unanswered}")
        if progress is Progress.UNKNOWN:
            raise OutcomeUnknown("rollout_unknown", watched.sentences)
        now = f"Now {describe(parts, watched.services)}."
        if progress is Progress.SUPERSEDED:
            raise Ended(Outcome.SUPERSEDED, "superseded", f"{watched.sentences} {now}")
        late = (
            f"Not finished within {_minutes(self._context.environment.rollout_timeout)}. " if watched.timed_out else ""
        )
        reason = late + watched.sentences
        if {verdict.progress for verdict in watched.verdicts.values()} == {Progress.ROLLED_BACK}:
            raise Ended(Outcome.ROLLED_BACK, "rollout_failed", f"{reason} {now}")
        if not any(part.changed for part in parts):
            raise Ended(Outcome.FAILED, "rollout_failed", f"{reason} Nothing was changed. {now}")
        self._back_or_raise(
            Cause(Outcome.ROLLED_BACK, "rollout_timeout" if watched.timed_out else "rollout_failed", reason)
        )
        raise AssertionError("going back always raises")

    def _say(self, text: str) -> None:
        self._context.note({}, text)
        self._context.log(text)

    def _read_deadline(self) -> datetime:
        """The time-out counts from the first start of this step, not from a restart."""
        noted = self._context.memo.get("deadline")
        if noted is None:
            deadline = self._waits.now() + self._context.environment.rollout_timeout
            self._context.note({"deadline": deadline.isoformat()})
            return deadline
        return datetime.fromisoformat(noted)


def _result(parts: tuple[Part, ...], watched: Watched) -> StepResult:
    notes = [note for verdict in watched.verdicts.values() for note in verdict.notes]
    notes += [f"{part.service}: ran {short(part.revision)} already." for part in parts if part.unchanged]
    output: Mapping[str, Any] = {
        "services": [
            {
                "cluster": part.cluster,
                "service": part.service,
                "task_definition": part.revision,
                "previous_task_definition": part.previous,
                "digest": part.digest,
                "desired": watched.services[part.ref].desired,
                "running": _serving(watched.services[part.ref]),
            }
            for part in parts
        ],
        "notes": notes,
    }
    return StepResult(output, watched.sentences)


def _serving(facts: ServiceFacts) -> int:
    """Tasks of the deployment that won; old ones may still be draining."""
    return facts.primary.running if facts.primary is not None else facts.running


def _minutes(duration: timedelta) -> str:
    seconds = int(duration.total_seconds())
    return f"{seconds} s" if seconds < 120 else f"{seconds // 60} min"

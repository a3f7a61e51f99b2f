"""The step `check`: the application itself says that it is well, and that it is the right one."""

from __future__ import annotations

from datetime import datetime, timedelta

from tengu.config.model import Environment
from tengu.domain.deployment import Outcome, StepName
from tengu.errors import CancelRequested
from tengu.ports.clock import Clock
from tengu.ports.container_service import ContainerService, ContainerServices
from tengu.ports.health import HealthAnswer, HealthCheck
from tengu.usecases.step import StepContext, StepResult
from tengu.usecases.steps.go_back import Cause, GoBack, going_back
from tengu.usecases.steps.pace import Pace, Waits
from tengu.usecases.steps.parts import Part
from tengu.usecases.steps.stay import forbids, stays

PATIENCE = timedelta(seconds=60)


class CheckHealth:
    """The step.

    Args:
        health: asks the application.
        services: ECS for any environment: a failed check goes back as a failed rollout does.
        patience: how long it may take until the application answers as it should.
    """

    def __init__(
        self,
        health: HealthCheck,
        services: ContainerServices,
        clock: Clock,
        pace: Pace | None = None,
        patience: timedelta = PATIENCE,
    ) -> None:
        self._health = health
        self._services = services
        self._clock = clock
        self._pace = pace or Pace(later=5.0)
        self._patience = patience

    def __call__(self, context: StepContext) -> StepResult:
        """Ask `check_url` until it answers 200, and `check_field` of its answer is the deployed commit.

        Raises:
            Ended: it did not, or a person cancelled, and the services are back, or may not go back.
            OutcomeUnknown: going back failed.
            Refused: the address may not be asked.
        """
        environment = context.environment
        if environment.check_url is None:
            return StepResult(detail="no check_url", skipped=True)
        cause = going_back(context) or self._judge(context, environment.check_url)
        if cause is None:
            return StepResult(detail="answers 200" + (" with the commit" if environment.check_field else ""))
        ecs = self._services.for_environment(environment.region, environment.role_arn)
        self._fail(context, ecs, _parts(context), cause)
        raise AssertionError("going back always raises")

    def _judge(self, context: StepContext, url: str) -> Cause | None:
        """Why the services are to go back; None if the application is well."""
        try:
            problem = self._ask(context, context.environment, url)
        except CancelRequested:
            return Cause(Outcome.CANCELLED, "cancelled", "A person cancelled it.")
        if problem is None:
            return None
        return Cause(Outcome.ROLLED_BACK, "check_failed", f"The check of {url} failed: {problem}.")

    def _fail(self, context: StepContext, ecs: ContainerService, parts: tuple[Part, ...], cause: Cause) -> None:
        forbidden = forbids(context, cancelled=cause.outcome is Outcome.CANCELLED)
        if not any(part.changed for part in parts):
            forbidden = "no service had changed"
        if forbidden:
            raise stays(ecs, parts, cause, forbidden)
        GoBack(context, ecs, Waits(context, self._clock, self._pace, cancellable=False)).run(parts, cause)

    def _ask(self, context: StepContext, environment: Environment, url: str) -> str | None:
        """None once it is well, else what was wrong at the end."""
        waits = Waits(context, self._clock, self._pace)
        deadline = self._read_deadline(context)
        while True:
            waits.guard()
            problem = _problem(self._health.ask(url, environment.check_field), context)
            if problem is None or self._clock.now() >= deadline:
                return problem
            context.note({}, f"waiting for the check: {problem}")
            waits.sleep()

    def _read_deadline(self, context: StepContext) -> datetime:
        noted = context.memo.get("deadline")
        if noted is None:
            deadline = self._clock.now() + self._patience
            context.note({"deadline": deadline.isoformat()})
            return deadline
        return datetime.fromisoformat(noted)


def _problem(answer: HealthAnswer, context: StepContext) -> str | None:
    if answer.problem:
        return answer.problem
    if answer.status != 200:
        return f"it answers {answer.status}"
    field = context.environment.check_field
    if field is not None and answer.value != context.deployment.commit:
        return f"its field `{field}` is not the deployed commit {context.deployment.commit[:7]}"
    return None


def _parts(context: StepContext) -> tuple[Part, ...]:
    """The services as the finished rollout handed them on."""
    return tuple(
        Part(
            cluster=entry["cluster"],
            service=entry["service"],
            containers=(),
            revision=entry["task_definition"],
            previous=entry["previous_task_definition"],
            digest=entry["digest"],
            digests=(),
            asked=True,
            unchanged=entry["task_definition"] == entry["previous_task_definition"],
        )
        for entry in context.deployment.output(StepName.ROLL_OUT)["services"]
    )

"""When nothing may be put back automatically: why, and what runs where."""

from __future__ import annotations

from tengu.domain.deployment import Outcome, StepName
from tengu.errors import OutcomeUnknown, ServiceError
from tengu.ports.container_service import ContainerService
from tengu.usecases.step import StepContext
from tengu.usecases.steps.ended import Ended
from tengu.usecases.steps.go_back import Cause
from tengu.usecases.steps.parts import Part, describe


def forbids(context: StepContext, *, cancelled: bool = False) -> str:
    """Why services are not put back by themselves here; empty if they are.

    Args:
        cancelled: a person stopped it: then `rollback_on_failure` is no obstacle, a migration still is.
    """
    migrate = context.environment.migrate
    if migrate is not None and migrate.rollback_safe is not True and context.deployment.output(StepName.MIGRATE):
        return "the migration ran, and the old code may not fit it (`rollback_safe` is not true)"
    return "" if context.environment.rollback_on_failure or cancelled else "`rollback_on_failure` is false"


def stays(ecs: ContainerService, parts: tuple[Part, ...], cause: Cause, why: str) -> Ended:
    """The end `failed` with the mixed state listed service by service.

    Raises:
        OutcomeUnknown: what runs now cannot be told.
    """
    try:
        now = describe(parts, ecs.services([part.ref for part in parts]))
    except ServiceError as error:
        raise OutcomeUnknown("ecs_unreachable", f"{cause.reason} What runs now cannot be told: {error}") from error
    return Ended(Outcome.FAILED, cause.code, f"{cause.reason} Nothing was put back, because {why}. Now {now}.")

"""Brings every service's UpdateService about exactly once: plan all, register, remember, update, remember."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime

from tengu.domain.container_service import ServiceRef, short
from tengu.domain.deployment import Deployment, Kind, StepName
from tengu.errors import Refused, ServiceError
from tengu.ports.container_service import ContainerService
from tengu.usecases.step import StepContext
from tengu.usecases.steps.pace import Waits
from tengu.usecases.steps.parts import Part, load, save
from tengu.usecases.steps.revisions import Plan, plan, pushed_image, ref_of, refuse_unusable

Recorded = Callable[[int], Deployment | None]
GONE = "gone"  # in place of an ECS deployment's id that was never learnt


class StartRollout:
    """One start.

    Args:
        recorded: a deployment by number: a rollback goes to what its target recorded.
    """

    def __init__(self, context: StepContext, ecs: ContainerService, waits: Waits, recorded: Recorded) -> None:
        self._context = context
        self._ecs = ecs
        self._waits = waits
        self._recorded = recorded

    def prepare(self, deadline: datetime) -> tuple[Part, ...]:
        """Every service with the revision that it is to run; nothing but registrations has happened.

        Raises:
            Refused: a service cannot be deployed to, or has nothing to go back to.
            ServiceError: AWS refused, or did not answer until `deadline`.
        """
        parts = load(self._context)
        if parts:
            return parts
        prepare = self._recorded_parts if self._context.deployment.kind is Kind.ROLLBACK else self._new_parts
        parts = self._waits.patiently(prepare, deadline)
        save(self._context, parts)
        return parts

    def update(self, parts: tuple[Part, ...], deadline: datetime) -> tuple[Part, ...]:
        """Call UpdateService for each that was not updated yet; answers with the ids of the ECS deployments."""
        done = list(parts)
        for index, part in enumerate(parts):
            if part.deployment:
                continue
            for step in self._updated(part, deadline):
                done[index] = step
                save(self._context, done)
        return tuple(done)

    def _updated(self, part: Part, deadline: datetime) -> Iterator[Part]:
        """What is to be remembered, as it happens: that the call is about to be made, and the id it answered.

        Looks before each try: an answer that was lost does not mean that nothing happened.
        """
        ref = part.ref
        while not part.deployment:
            facts = self._waits.patiently(lambda: self._ecs.services([ref])[ref], deadline)
            refuse_unusable(facts)
            found = part.adopt(facts) or (self._vanished(part) if part.asked else "")
            if found:
                yield replace(part, deployment=found)
                return
            if not part.asked:
                known = tuple(entry.id for entry in facts.deployments)
                part = replace(part, asked=True, unchanged=False, previous=facts.task_definition, known=known)
                yield part
            part = replace(part, deployment=self._ask(part, deadline))
        yield part

    def _ask(self, part: Part, deadline: datetime) -> str:
        """Id of the ECS deployment, or empty where nobody knows whether the call arrived."""
        self._waits.guard()
        self._context.log(f"UpdateService {part.ref}: {short(part.previous)} -> {short(part.revision)}")
        try:
            facts = self._ecs.update(part.ref, part.revision)
        except ServiceError as error:
            if not error.transient or self._waits.now() >= deadline:
                raise
            self._context.log(str(error))
            self._waits.sleep()
            return ""
        primary = facts.primary
        return part.adopt(facts) or (primary.id if primary is not None else "")

    def _vanished(self, part: Part) -> str:
        """GONE if ECS once had a deployment of our revision: a killed process made the call, and ECS has gone back."""
        if self._context.deployment.kind is Kind.ROLLBACK:
            return ""  # its revision is not its own: nothing can be told from it, and asking again does no harm
        return GONE if self._ecs.find_service_deployment(part.ref, "", part.revision) else ""

    def _new_parts(self) -> tuple[Part, ...]:
        image = pushed_image(self._context)
        services = self._context.environment.services
        facts = self._ecs.services([ref_of(service) for service in services])
        plans = [
            plan(self._ecs, self._context, service, facts[ref_of(service)], image.reference) for service in services
        ]
        return tuple(
            _part(entry, register(self._ecs, self._context, self._waits, entry), image.digest, image.digests)
            for entry in plans
        )

    def _recorded_parts(self) -> tuple[Part, ...]:
        target = self._recorded(self._context.deployment.target or 0)
        records = _records(target)
        services = self._context.environment.services
        facts = self._ecs.services([ref_of(service) for service in services])
        plans: list[tuple[Plan, str]] = []
        for service in services:
            record = records.get(ref_of(service))
            if target is None or record is None:
                raise Refused(
                    "nothing_recorded",
                    f"Deployment {self._context.deployment.target} recorded no task definition for {ref_of(service)}.",
                    "Roll back to another deployment: `history` lists them.",
                )
            revision, digest = record
            refuse_unusable(facts[ref_of(service)])
            if not self._ecs.task_definition(revision).is_active:
                raise Refused(
                    "revision_inactive",
                    f"{short(revision)}, which deployment {target.number} ran, was deregistered.",
                    "Roll back to another deployment, or revert on GitHub and deploy.",
                )
            plans.append((Plan(service, facts[ref_of(service)], revision, None), digest))
        return tuple(_part(entry, str(entry.revision), digest, {digest} - {""}) for entry, digest in plans)


def register(ecs: ContainerService, context: StepContext, waits: Waits, planned: Plan) -> str:
    """ARN of the planned revision, registered now if it does not exist yet."""
    if planned.revision is not None:
        return planned.revision
    waits.guard()
    revision = ecs.register(planned.definition or {})
    context.log(f"registered {short(revision)} for {ref_of(planned.service)}")
    return revision


def _part(planned: Plan, revision: str, digest: str, digests: set[str] | frozenset[str]) -> Part:
    facts, service = planned.facts, planned.service
    return Part(
        cluster=service.cluster,
        service=service.service,
        containers=service.containers,
        revision=revision,
        previous=facts.task_definition,
        digest=digest,
        digests=tuple(sorted(digests)),
        unchanged=facts.task_definition == revision,
    )


def _records(target: Deployment | None) -> dict[ServiceRef, tuple[str, str]]:
    entries = target.output(StepName.ROLL_OUT).get("services", ()) if target is not None else ()
    return {
        ServiceRef(entry["cluster"], entry["service"]): (entry["task_definition"], entry.get("digest", ""))
        for entry in entries
    }


def _with(parts: tuple[Part, ...], index: int, part: Part) -> tuple[Part, ...]:
    return (*parts[:index], part, *parts[index + 1 :])

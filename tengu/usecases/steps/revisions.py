"""Which task definition revision a service is to run: found again by its tags, or registered once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tengu.config.model import Service
from tengu.domain.container_service import ServiceFacts, ServiceRef
from tengu.domain.deployment import StepName
from tengu.domain.task_definition import TaskDefinition, pinned, runs, with_image
from tengu.errors import Refused
from tengu.ports.container_service import ContainerService
from tengu.usecases.step import StepContext


@dataclass(frozen=True)
class PushedImage:
    """What the build step handed on.

    Args:
        digests: what may run: the pushed digest, and for an index its manifests'.
    """

    reference: str
    digest: str
    digests: frozenset[str]


@dataclass(frozen=True)
class Plan:
    """What one service runs, and what it is to run.

    Args:
        revision: ARN of the revision with the new image, if it exists already.
        definition: otherwise what to register.
    """

    service: Service
    facts: ServiceFacts
    revision: str | None
    definition: Mapping[str, Any] | None

    @property
    def unchanged(self) -> bool:
        """True if the service is on that revision already."""
        return self.revision is not None and self.revision == self.facts.task_definition


def ref_of(service: Service) -> ServiceRef:
    """The service's name as a value."""
    return ServiceRef(service.cluster, service.service)


def pushed_image(context: StepContext) -> PushedImage:
    """The image that the build step pushed."""
    built = context.deployment.output(StepName.BUILD)
    digest = str(built["digest"])
    return PushedImage(
        reference=pinned(str(built["repository"]), digest),
        digest=digest,
        digests=frozenset({digest, *built.get("manifests", ())}),
    )


def plan(ecs: ContainerService, context: StepContext, service: Service, facts: ServiceFacts, image: str) -> Plan:
    """Find out what this service needs, changing nothing.

    Raises:
        Refused: the service cannot be deployed to, or the copy would lose something.
    """
    refuse_unusable(facts)
    base = _base(ecs, service, facts)
    if runs(base, service.containers, image):
        return Plan(service, facts, base.arn, None)
    tags = _tags(context, service)
    for found in ecs.find_registered(base.family, tags):
        if runs(found, service.containers, image):
            return Plan(service, facts, found.arn, None)
    return Plan(service, facts, None, with_image(base, service.containers, image, tags, service.ignore_fields))


def refuse_unusable(facts: ServiceFacts) -> None:
    """Raise Refused if this service cannot be deployed to."""
    if facts.status == "MISSING":
        raise Refused("service_missing", f"ECS has no service {facts.ref}.", "Check `cluster:` and `service:`.")
    if facts.status != "ACTIVE":
        raise Refused("service_not_active", f"The ECS service {facts.ref} is {facts.status}.", "Create it again first.")
    if facts.controller != "ECS":
        raise Refused(
            "deployment_controller",
            f"The ECS service {facts.ref} is deployed by {facts.controller}, which Tengu does not drive.",
            "Use the deployment controller ECS.",
        )


def _base(ecs: ContainerService, service: Service, facts: ServiceFacts) -> TaskDefinition:
    if service.task_definition == "running":
        return ecs.task_definition(facts.task_definition)
    if service.task_definition == "latest":
        return ecs.task_definition(facts.task_definition.rpartition("/")[2].rpartition(":")[0])
    raise Refused(
        "task_definition_file",
        f"{facts.ref} names the task definition file {service.task_definition}, which this version cannot use yet.",
        "Use `running` or `latest`.",
    )


def _tags(context: StepContext, service: Service) -> Mapping[str, str]:
    """Tags by which a restart finds the revision that it registered."""
    deployment = context.deployment
    return {
        "tengu:deployment": str(deployment.number),
        "tengu:app": deployment.app,
        "tengu:environment": deployment.environment,
        "tengu:service": str(ref_of(service))[:256],
    }

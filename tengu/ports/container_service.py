"""Where containers run: AWS ECS seen through one environment's region and role.

Every method raises ServiceError("AWS ECS", …) if ECS refuses or cannot be reached; transient ones were already
retried. The facts it answers with are `tengu.domain.container_service`'s.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from tengu.domain.container_service import ServiceDeployment, ServiceFacts, ServiceRef, TaskFacts
from tengu.domain.task_definition import TaskDefinition


@dataclass(frozen=True)
class OneOffTask:
    """A task to run once.

    Args:
        like: the service whose network, launch type and platform it takes.
        container, command: whose command is replaced.
        token: the same token within a day never starts a second task; it is also the task's `startedBy`,
            36 characters at most.
    """

    like: ServiceRef
    task_definition: str
    container: str
    command: tuple[str, ...]
    token: str


class ContainerService(Protocol):
    """ECS."""

    def services(self, refs: Iterable[ServiceRef]) -> Mapping[ServiceRef, ServiceFacts]:
        """All of them, in as few calls as possible; unknown ones have the status MISSING."""

    def task_definition(self, reference: str) -> TaskDefinition:
        """A revision by ARN, or `family:revision`, or the newest ACTIVE one of a family."""

    def find_registered(self, family: str, tags: Mapping[str, str]) -> tuple[TaskDefinition, ...]:
        """The family's newest ACTIVE revisions (a bounded number of them) that carry all these tags, newest first."""

    def register(self, definition: Mapping[str, Any]) -> str:
        """Register a revision; answers with its ARN."""

    def update(self, ref: ServiceRef, task_definition: str) -> ServiceFacts:
        """One UpdateService, task definition alone; answers with the service as that call's answer has it."""

    def find_service_deployment(self, ref: ServiceRef, deployment: str, task_definition: str) -> str | None:
        """ARN of the service deployment of that task definition that belongs to that entry of `deployments[]` (empty:
        to any entry, also one that is gone); None if there is none yet, or ECS keeps none here."""

    def service_deployments(self, arns: Sequence[str]) -> Mapping[str, ServiceDeployment]:
        """Those service deployments, by ARN, in as few calls as possible."""

    def running_tasks(self, ref: ServiceRef) -> tuple[TaskFacts, ...]:
        """Every task of the service that ECS wants to run."""

    def stopped_tasks(self, ref: ServiceRef, task_definition: str) -> tuple[TaskFacts, ...]:
        """Tasks of the service on that revision that stopped lately; ECS forgets them after about an hour."""

    def run_task(self, task: OneOffTask) -> TaskFacts:
        """Start it. A failure to place it is a ServiceError."""

    def find_tasks(self, cluster: str, family: str, started_by: str) -> tuple[TaskFacts, ...]:
        """Tasks of that task definition family with that `startedBy` that ECS still knows."""

    def task(self, cluster: str, arn: str) -> TaskFacts | None:
        """That task; None once ECS forgot it."""

    def stop_task(self, cluster: str, arn: str, reason: str) -> None:
        """Ask it to stop."""

    def log_tail(self, definition: TaskDefinition, container: str, task_arn: str, lines: int) -> tuple[str, ...]:
        """The last lines the container wrote to its awslogs group; empty where they cannot be read. Never raises."""


class ContainerServices(Protocol):
    """ECS for any environment."""

    def for_environment(self, region: str | None, role_arn: str | None) -> ContainerService:
        """ECS of that region, through that role; None means what the AWS SDK is set up with."""

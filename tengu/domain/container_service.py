"""What a container service (AWS ECS) says about its services, deployments and tasks, as frozen facts.

Names follow https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Service.html. Times are left out: the
decisions in `tengu.domain.rollout` are made from ids and states alone, never from comparing clocks.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class ServiceRef:
    """One ECS service: names or ARNs as configured."""

    cluster: str
    service: str

    def __str__(self) -> str:
        return f"{self.cluster}/{self.service}"


@dataclass(frozen=True)
class EcsDeployment:
    """One entry of a service's `deployments[]`.

    Args:
        id: `ecs-svc/…`.
        status: PRIMARY, ACTIVE (being replaced) or INACTIVE.
        rollout_state: IN_PROGRESS, COMPLETED or FAILED; empty where ECS keeps none.
        failed: tasks that ECS counted as failed in a row.
    """

    id: str
    status: str
    task_definition: str
    desired: int
    running: int
    pending: int
    failed: int
    rollout_state: str
    reason: str = ""


@dataclass(frozen=True)
class ServiceFacts:
    """One service as DescribeServices answers.

    Args:
        status: ACTIVE, DRAINING or INACTIVE; MISSING where ECS knows no such service.
        controller: ECS, CODE_DEPLOY or EXTERNAL.
        breaker: the deployment circuit breaker is on.
        breaker_rolls_back: it, or an alarm, puts the last completed deployment back.
        events: messages, newest first.
    """

    ref: ServiceRef
    status: str
    controller: str = "ECS"
    task_definition: str = ""
    desired: int = 0
    running: int = 0
    deployments: tuple[EcsDeployment, ...] = ()
    events: tuple[str, ...] = ()
    breaker: bool = False
    breaker_rolls_back: bool = False

    @property
    def primary(self) -> EcsDeployment | None:
        """The deployment that ECS is bringing about, or has."""
        return next((entry for entry in self.deployments if entry.status == "PRIMARY"), None)

    def deployment(self, identifier: str) -> EcsDeployment | None:
        """The entry of that id, while ECS still lists it."""
        return next((entry for entry in self.deployments if entry.id == identifier), None)


@dataclass(frozen=True)
class ServiceDeployment:
    """A service deployment as DescribeServiceDeployments answers.

    Args:
        status: PENDING, IN_PROGRESS, SUCCESSFUL, STOP_REQUESTED, STOPPED, ROLLBACK_REQUESTED,
            ROLLBACK_IN_PROGRESS, ROLLBACK_SUCCESSFUL or ROLLBACK_FAILED.
        failures, threshold: of the circuit breaker.
        alarms: names of the CloudWatch alarms that fired.
    """

    arn: str
    status: str
    reason: str = ""
    failures: int = 0
    threshold: int = 0
    alarms: tuple[str, ...] = ()


@dataclass(frozen=True)
class ContainerFacts:
    """One container of a task.

    Args:
        digest: `sha256:…` of what runs; empty where ECS does not report it.
        exit_code: None while it runs, and where it never started.
    """

    name: str
    digest: str = ""
    exit_code: int | None = None
    reason: str = ""
    status: str = ""


@dataclass(frozen=True)
class TaskFacts:
    """One task as DescribeTasks answers."""

    arn: str
    task_definition: str
    status: str
    stop_code: str = ""
    stopped_reason: str = ""
    containers: tuple[ContainerFacts, ...] = ()
    started_by: str = ""

    @property
    def stopped(self) -> bool:
        """True once every container has ended."""
        return self.status in ("STOPPED", "DELETED")

    def container(self, name: str) -> ContainerFacts | None:
        """The container of that name."""
        return next((entry for entry in self.containers if entry.name == name), None)


def short(task_definition: str) -> str:
    """`web:7` of a task definition's ARN."""
    return task_definition.rpartition("/")[2]

"""ECS answers as the domain's facts. Shapes: botocore's `ecs` service model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tengu.domain.container_service import (
    ContainerFacts,
    EcsDeployment,
    ServiceDeployment,
    ServiceFacts,
    ServiceRef,
    TaskFacts,
)

Answer = Mapping[str, Any]


def service_facts(ref: ServiceRef, answer: Answer) -> ServiceFacts:
    """One entry of DescribeServices' `services`, or UpdateService's `service`."""
    configuration = answer.get("deploymentConfiguration") or {}
    breaker = configuration.get("deploymentCircuitBreaker") or {}
    alarms = configuration.get("alarms") or {}
    return ServiceFacts(
        ref=ref,
        status=answer.get("status", "ACTIVE"),
        controller=(answer.get("deploymentController") or {}).get("type", "ECS"),
        task_definition=answer.get("taskDefinition", ""),
        desired=answer.get("desiredCount", 0),
        running=answer.get("runningCount", 0),
        deployments=tuple(_deployment(entry) for entry in answer.get("deployments", ())),
        events=tuple(entry.get("message", "") for entry in answer.get("events", ())),
        breaker=bool(breaker.get("enable")),
        breaker_rolls_back=bool(
            (breaker.get("enable") and breaker.get("rollback")) or (alarms.get("enable") and alarms.get("rollback"))
        ),
    )


def _deployment(answer: Answer) -> EcsDeployment:
    return EcsDeployment(
        id=answer.get("id", ""),
        status=answer.get("status", ""),
        task_definition=answer.get("taskDefinition", ""),
        desired=answer.get("desiredCount", 0),
        running=answer.get("runningCount", 0),
        pending=answer.get("pendingCount", 0),
        failed=answer.get("failedTasks", 0),
        rollout_state=answer.get("rolloutState", ""),
        reason=answer.get("rolloutStateReason", ""),
    )


def service_deployment(answer: Answer) -> ServiceDeployment:
    """One entry of DescribeServiceDeployments."""
    breaker = answer.get("deploymentCircuitBreaker") or {}
    rollback = answer.get("rollback") or {}
    return ServiceDeployment(
        arn=answer["serviceDeploymentArn"],
        status=answer.get("status", ""),
        reason=answer.get("statusReason") or rollback.get("reason", ""),
        failures=breaker.get("failureCount", 0),
        threshold=breaker.get("threshold", 0),
        alarms=tuple((answer.get("alarms") or {}).get("triggeredAlarmNames", ())),
    )


def task_facts(answer: Answer) -> TaskFacts:
    """One entry of DescribeTasks' or RunTask's `tasks`."""
    return TaskFacts(
        arn=answer["taskArn"],
        task_definition=answer.get("taskDefinitionArn", ""),
        status=answer.get("lastStatus", ""),
        stop_code=answer.get("stopCode", ""),
        stopped_reason=answer.get("stoppedReason", ""),
        started_by=answer.get("startedBy", ""),
        containers=tuple(_container(entry) for entry in answer.get("containers", ())),
    )


def _container(answer: Answer) -> ContainerFacts:
    return ContainerFacts(
        name=answer.get("name", ""),
        digest=answer.get("imageDigest", ""),
        exit_code=answer.get("exitCode"),
        reason=answer.get("reason", ""),
        status=answer.get("lastStatus", ""),
    )

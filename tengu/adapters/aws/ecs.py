"""`ContainerService` on AWS ECS (https://docs.aws.amazon.com/AmazonECS/latest/APIReference/)."""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, TypeVar

from tengu.adapters.aws.ecs_facts import service_deployment, service_facts, task_facts
from tengu.adapters.aws.errors import aws_errors, is_throttled
from tengu.adapters.aws.logs import log_tail
from tengu.adapters.aws.session import Sessions
from tengu.adapters.aws.unknown_fields import unknown_fields
from tengu.domain.container_service import ServiceDeployment, ServiceFacts, ServiceRef, TaskFacts
from tengu.domain.task_definition import TaskDefinition
from tengu.errors import ServiceError
from tengu.ports.container_service import OneOffTask

SERVICE = "AWS ECS"
SERVICES_A_CALL = 10
SERVICE_DEPLOYMENTS_A_CALL = 20
TASKS_A_CALL = 100
REVISIONS_LOOKED_AT = 20
REGISTER_TRIES = 6
_LEEWAY = timedelta(seconds=10)  # a service deployment may be created a moment before its entry in deployments[]
_NOT_OFFERED = {"UnsupportedFeatureException", "AccessDeniedException", "InvalidParameterException"}
_Item = TypeVar("_Item")


class EcsContainerServices:
    """`ContainerServices` on AWS.

    Args:
        sessions: shared with the other AWS adapters.
    """

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._lock = threading.Lock()
        self._services: dict[tuple[str | None, str | None], EcsContainerService] = {}

    def for_environment(self, region: str | None, role_arn: str | None) -> EcsContainerService:
        """ECS of that region, through that role."""
        with self._lock:
            key = (region, role_arn)
            if key not in self._services:
                with aws_errors(SERVICE, "credentials"):
                    ecs = self._sessions.client("ecs", region, role_arn)
                    once = self._sessions.client("ecs", region, role_arn, tries=1)
                    logs = self._sessions.client("logs", region, role_arn)
                self._services[key] = EcsContainerService(ecs, once, logs)
            return self._services[key]


class EcsContainerService:
    """`ContainerService` over one boto3 client; safe to use from several threads.

    Args:
        ecs, logs: boto3 clients.
        once: one that never tries again by itself. Writes go through it: when an answer is lost, the use case looks
            what happened before it asks again, so that nothing is registered, updated or run twice.
        sleep: waits between tries of RegisterTaskDefinition.
    """

    def __init__(self, ecs: Any, once: Any, logs: Any, sleep: Callable[[float], None] = time.sleep) -> None:
        self._ecs = ecs
        self._once = once
        self._logs = logs
        self._sleep = sleep
        self._body = threading.local()
        ecs.meta.events.register("after-call.ecs.DescribeTaskDefinition", self._keep_body)
        model = ecs.meta.service_model
        self._output_shape = model.operation_model("DescribeTaskDefinition").output_shape
        self._input_fields = frozenset(model.operation_model("RegisterTaskDefinition").input_shape.members)

    def _keep_body(self, http_response: Any, **_: Any) -> None:
        self._body.value = http_response.content

    # --- services ---------------------------------------------------------------------------------------------

    def services(self, refs: Iterable[ServiceRef]) -> Mapping[ServiceRef, ServiceFacts]:
        """All of them, ten a call; unknown ones have the status MISSING."""
        found: dict[ServiceRef, ServiceFacts] = {}
        clusters: dict[str, list[ServiceRef]] = defaultdict(list)
        for ref in refs:
            clusters[ref.cluster].append(ref)
        for cluster, members in clusters.items():
            for batch in _batches(members, SERVICES_A_CALL):
                with aws_errors(SERVICE, "DescribeServices"):
                    answer = self._ecs.describe_services(cluster=cluster, services=[ref.service for ref in batch])
                by_name = {name: entry for entry in answer["services"] for name in _names(entry)}
                for ref in batch:
                    entry = by_name.get(ref.service)
                    found[ref] = service_facts(ref, entry) if entry is not None else ServiceFacts(ref, "MISSING")
        return found

    def update(self, ref: ServiceRef, task_definition: str) -> ServiceFacts:
        """One UpdateService."""
        with aws_errors(SERVICE, "UpdateService"):
            answer = self._once.update_service(cluster=ref.cluster, service=ref.service, taskDefinition=task_definition)
        return service_facts(ref, answer["service"])

    # --- task definitions -------------------------------------------------------------------------------------

    def task_definition(self, reference: str) -> TaskDefinition:
        """A revision, with its tags and what the SDK does not know of it."""
        with aws_errors(SERVICE, "DescribeTaskDefinition"):
            answer = self._ecs.describe_task_definition(taskDefinition=reference, include=["TAGS"])
        body = getattr(self._body, "value", b"{}")
        return TaskDefinition(
            arn=answer["taskDefinition"]["taskDefinitionArn"],
            fields=answer["taskDefinition"],
            tags={tag["key"]: tag.get("value", "") for tag in answer.get("tags", ())},
            input_fields=self._input_fields,
            unknown_fields=unknown_fields(body, self._output_shape, "taskDefinition"),
        )

    def find_registered(self, family: str, tags: Mapping[str, str]) -> tuple[TaskDefinition, ...]:
        """The newest revisions that carry all these tags; looks at 20."""
        with aws_errors(SERVICE, "ListTaskDefinitions"):
            answer = self._ecs.list_task_definitions(
                familyPrefix=family, status="ACTIVE", sort="DESC", maxResults=REVISIONS_LOOKED_AT
            )
        # A prefix on some emulators; the exact family on AWS.
        arns = [arn for arn in answer["taskDefinitionArns"] if arn.rpartition("/")[2].rpartition(":")[0] == family]
        definitions = [self.task_definition(arn) for arn in arns[:REVISIONS_LOOKED_AT]]
        return tuple(entry for entry in definitions if tags.items() <= entry.tags.items())

    def register(self, definition: Mapping[str, Any]) -> str:
        """Register it; waits and tries again where ECS says that it is asked too quickly (1 a second, 20 at once)."""
        for attempt in itertools.count(1):
            try:
                with aws_errors(SERVICE, "RegisterTaskDefinition"):
                    answer = self._once.register_task_definition(**definition)
                return str(answer["taskDefinition"]["taskDefinitionArn"])
            except ServiceError as error:
                if not is_throttled(error) or attempt == REGISTER_TRIES:
                    raise
            self._sleep(min(8.0, 2.0 ** (attempt - 1)) * random.uniform(0.5, 1.0))  # noqa: S311  # jitter
        raise AssertionError("unreachable")

    # --- service deployments ----------------------------------------------------------------------------------

    def find_service_deployment(self, ref: ServiceRef, deployment: str, task_definition: str) -> str | None:
        """The service deployment of that task definition that is not older than ours."""
        try:
            return self._find_service_deployment(ref, deployment, task_definition)
        except ServiceError as error:
            if any(code in error.detail for code in _NOT_OFFERED):
                return None
            raise

    def _find_service_deployment(self, ref: ServiceRef, deployment: str, task_definition: str) -> str | None:
        selection: dict[str, Any] = {}
        if deployment:
            entries = [
                entry for entry in self._raw_service(ref).get("deployments", ()) if entry.get("id") == deployment
            ]
            if not entries or "createdAt" not in entries[0]:
                return None
            selection["createdAt"] = {"after": entries[0]["createdAt"] - _LEEWAY}
        with aws_errors(SERVICE, "ListServiceDeployments"):
            answer = self._ecs.list_service_deployments(
                cluster=ref.cluster, service=ref.service, maxResults=20, **selection
            )
        briefs = {entry.get("targetServiceRevisionArn"): entry for entry in answer.get("serviceDeployments", ())}
        briefs.pop(None, None)
        if not briefs:
            return None
        with aws_errors(SERVICE, "DescribeServiceRevisions"):
            described = self._ecs.describe_service_revisions(serviceRevisionArns=list(briefs)[:20])
        matching = [
            briefs[entry["serviceRevisionArn"]]
            for entry in described.get("serviceRevisions", ())
            if entry.get("taskDefinition") == task_definition and entry["serviceRevisionArn"] in briefs
        ]
        # Oldest first: a later one of the same revision is somebody's forced redeployment.
        matching.sort(key=lambda entry: entry["createdAt"])
        return str(matching[0]["serviceDeploymentArn"]) if matching else None

    def service_deployments(self, arns: Sequence[str]) -> Mapping[str, ServiceDeployment]:
        """Those service deployments, 20 a call."""
        found: dict[str, ServiceDeployment] = {}
        for batch in _batches(list(arns), SERVICE_DEPLOYMENTS_A_CALL):
            with aws_errors(SERVICE, "DescribeServiceDeployments"):
                answer = self._ecs.describe_service_deployments(serviceDeploymentArns=batch)
            for entry in answer.get("serviceDeployments", ()):
                found[entry["serviceDeploymentArn"]] = service_deployment(entry)
        return found

    # --- tasks ------------------------------------------------------------------------------------------------

    def running_tasks(self, ref: ServiceRef) -> tuple[TaskFacts, ...]:
        """Every task of the service that ECS wants to run."""
        return self._tasks(ref.cluster, serviceName=ref.service, desiredStatus="RUNNING")

    def stopped_tasks(self, ref: ServiceRef, task_definition: str) -> tuple[TaskFacts, ...]:
        """Tasks of the service on that revision that stopped lately."""
        found = self._tasks(ref.cluster, serviceName=ref.service, desiredStatus="STOPPED")
        return tuple(task for task in found if task.task_definition == task_definition)

    def find_tasks(self, cluster: str, family: str, started_by: str) -> tuple[TaskFacts, ...]:
        """Tasks started so that ECS still knows, running ones first.

        ListTasks takes `startedBy` as its only filter, and then lists running tasks alone.
        """
        stopped = self._tasks(cluster, family=family, desiredStatus="STOPPED")
        return self._tasks(cluster, startedBy=started_by) + tuple(
            task for task in stopped if task.started_by == started_by
        )

    def task(self, cluster: str, arn: str) -> TaskFacts | None:
        """That task; None once ECS forgot it."""
        return next(iter(self._described(cluster, [arn])), None)

    def run_task(self, task: OneOffTask) -> TaskFacts:
        """RunTask with the service's network, launch type and platform."""
        like = self._raw_service(task.like)
        request: dict[str, Any] = {
            "cluster": task.like.cluster,
            "taskDefinition": task.task_definition,
            "count": 1,
            "clientToken": task.token,
            "startedBy": task.token,
            "overrides": {"containerOverrides": [{"name": task.container, "command": list(task.command)}]},
        }
        for name in ("networkConfiguration", "capacityProviderStrategy", "platformVersion"):
            if like.get(name):
                request[name] = like[name]
        if not like.get("capacityProviderStrategy") and like.get("launchType"):
            request["launchType"] = like["launchType"]
        with aws_errors(SERVICE, "RunTask"):
            answer = self._once.run_task(**request)
        if answer.get("failures") or not answer.get("tasks"):
            raise ServiceError(SERVICE, "RunTask", _failures(answer), advice="Look at the cluster's capacity.")
        return task_facts(answer["tasks"][0])

    def stop_task(self, cluster: str, arn: str, reason: str) -> None:
        """Ask it to stop."""
        with aws_errors(SERVICE, "StopTask"):
            self._ecs.stop_task(cluster=cluster, task=arn, reason=reason[:1000])

    def log_tail(self, definition: TaskDefinition, container: str, task_arn: str, lines: int) -> tuple[str, ...]:
        """The last lines of its awslogs stream."""
        return log_tail(self._logs, definition, container, task_arn, lines)

    def _raw_service(self, ref: ServiceRef) -> Mapping[str, Any]:
        with aws_errors(SERVICE, "DescribeServices"):
            services = self._ecs.describe_services(cluster=ref.cluster, services=[ref.service])["services"]
        if not services:
            raise ServiceError(SERVICE, "DescribeServices", f"there is no service {ref}.", advice="Check tengu.yml.")
        found: Mapping[str, Any] = services[0]
        return found

    def _tasks(self, cluster: str, **selection: str) -> tuple[TaskFacts, ...]:
        with aws_errors(SERVICE, "ListTasks"):
            pages = self._ecs.get_paginator("list_tasks").paginate(cluster=cluster, **selection)
            arns = [arn for page in pages for arn in page["taskArns"]]
        return self._described(cluster, arns)

    def _described(self, cluster: str, arns: list[str]) -> tuple[TaskFacts, ...]:
        found: list[TaskFacts] = []
        for batch in _batches(arns, TASKS_A_CALL):
            with aws_errors(SERVICE, "DescribeTasks"):
                found += [
                    task_facts(entry) for entry in self._ecs.describe_tasks(cluster=cluster, tasks=batch)["tasks"]
                ]
        return tuple(found)


def _names(entry: Mapping[str, Any]) -> tuple[str, str]:
    return str(entry.get("serviceName", "")), str(entry.get("serviceArn", ""))


def _failures(answer: Mapping[str, Any]) -> str:
    texts = [f"{entry.get('reason', '')} {entry.get('detail', '')}".strip() for entry in answer.get("failures", ())]
    return (", ".join(filter(None, texts)) or "ECS started no task and gives no reason") + "."


def _batches(items: list[_Item], size: int) -> Iterator[list[_Item]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]

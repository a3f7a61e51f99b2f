"""The ECS adapter: what it asks, how it reads the answers, and what it says when AWS refuses."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.config import Config
from botocore.exceptions import EndpointConnectionError
from botocore.stub import Stubber

from tengu.adapters.aws.ecs import EcsContainerService, EcsContainerServices
from tengu.adapters.aws.errors import aws_errors
from tengu.adapters.aws.session import Sessions
from tengu.domain.container_service import ServiceRef
from tengu.errors import ServiceError
from tengu.ports.container_service import OneOffTask

ARN = "arn:aws:ecs:ap-northeast-1:123456789012"
WEB = ServiceRef("prod", "web")
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def client(name: str) -> Any:
    return boto3.client(  # type: ignore[call-overload]
        name,
        region_name="ap-northeast-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
        config=Config(retries={"total_max_attempts": 1}),
    )


class Aws:
    """Stubbed clients and the adapter over them."""

    def __init__(self) -> None:
        self.ecs, self.logs = client("ecs"), client("logs")
        self.stub, self.logs_stub = Stubber(self.ecs), Stubber(self.logs)
        self.stub.activate()
        self.logs_stub.activate()
        self.slept: list[float] = []
        self.adapter = EcsContainerService(self.ecs, self.ecs, self.logs, self.slept.append)


@pytest.fixture
def aws() -> Aws:
    return Aws()


def raw(aws: Aws, body: dict[str, Any]) -> None:
    """Let the next call get this HTTP body, past botocore's stub, which would refuse fields it does not know."""
    aws.stub.deactivate()
    stream = io.BytesIO(json.dumps(body).encode())
    stream.stream = lambda: iter([stream.getvalue()])  # type: ignore[attr-defined]
    answer = AWSResponse("https://ecs", 200, HTTPHeaders(), stream)
    aws.ecs.meta.events.register("before-send.ecs", lambda **_: answer)


# --- task definitions -----------------------------------------------------------------------------------------------

CONTAINER: dict[str, Any] = {"name": "app", "image": "x/web:1"}
DEFINITION: dict[str, Any] = {
    "taskDefinitionArn": f"{ARN}:task-definition/web:7",
    "family": "web",
    "containerDefinitions": [CONTAINER],
}


def test_fields_that_the_sdk_does_not_know_are_named(aws: Aws) -> None:
    container = {**CONTAINER, "restartMagic": {"a": 1}, "empty": None, "none": []}
    raw(aws, {"taskDefinition": {**DEFINITION, "containerDefinitions": [container], "newThing": 0}, "tags": []})
    found = aws.adapter.task_definition("web:7")
    assert found.unknown_fields == ("containerDefinitions[].restartMagic", "newThing")


def test_labels_and_options_are_data_and_not_fields(aws: Aws) -> None:
    container = {
        **CONTAINER,
        "dockerLabels": {"anything": "goes"},
        "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "g"}},
    }
    raw(
        aws,
        {"taskDefinition": {**DEFINITION, "containerDefinitions": [container]}, "tags": [{"key": "a", "value": "b"}]},
    )
    found = aws.adapter.task_definition("web:7")
    assert found.unknown_fields == ()
    assert found.tags == {"a": "b"}
    assert {"family", "containerDefinitions", "runtimePlatform"} <= found.input_fields
    assert not {"taskDefinitionArn", "registeredAt", "deleteRequestedAt"} & found.input_fields


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("ThrottlingException", "Rate exceeded"),
        ("ClientException", "Too many concurrent attempts to create a new revision of the specified family."),
    ],
)
def test_register_waits_where_ecs_is_asked_too_quickly(aws: Aws, code: str, message: str) -> None:
    aws.stub.add_client_error("register_task_definition", code, message, 400)
    aws.stub.add_response("register_task_definition", {"taskDefinition": DEFINITION})
    assert aws.adapter.register({"family": "web", "containerDefinitions": []}).endswith("web:7")
    assert len(aws.slept) == 1


def test_register_does_not_repeat_what_may_have_happened(aws: Aws) -> None:
    aws.stub.add_client_error("register_task_definition", "ServerException", "boom", 500)
    with pytest.raises(ServiceError) as error:
        aws.adapter.register({"family": "web", "containerDefinitions": []})
    assert error.value.transient
    assert aws.slept == []


# --- services -------------------------------------------------------------------------------------------------------


def described(*names: str) -> dict[str, Any]:
    return {"services": [{"serviceName": name, "status": "ACTIVE"} for name in names]}


def test_services_are_asked_for_ten_at_a_time(aws: Aws) -> None:
    names = [f"s{number}" for number in range(12)]
    for batch in (names[:10], names[10:]):
        aws.stub.add_response("describe_services", described(*batch), {"cluster": "prod", "services": batch})
    found = aws.adapter.services([ServiceRef("prod", name) for name in names])
    assert len(found) == 12
    aws.stub.assert_no_pending_responses()


def test_a_service_in_failures_is_missing(aws: Aws) -> None:
    aws.stub.add_response(
        "describe_services", {"services": [], "failures": [{"arn": f"{ARN}:service/prod/web", "reason": "MISSING"}]}
    )
    assert aws.adapter.services([WEB])[WEB].status == "MISSING"


def test_service_is_read(aws: Aws) -> None:
    service = {
        "serviceName": "web",
        "serviceArn": f"{ARN}:service/prod/web",
        "status": "ACTIVE",
        "taskDefinition": "td",
        "desiredCount": 2,
        "deploymentController": {"type": "ECS"},
        "deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": True, "rollback": False}},
        "deployments": [{"id": "ecs-svc/1", "status": "PRIMARY", "taskDefinition": "td", "rolloutState": "COMPLETED"}],
        "events": [{"message": "steady"}],
    }
    aws.stub.add_response("describe_services", {"services": [service]})
    ref = ServiceRef("prod", f"{ARN}:service/prod/web")  # an ARN may be configured too
    facts = aws.adapter.services([ref])[ref]
    assert (facts.desired, facts.breaker, facts.breaker_rolls_back, facts.events) == (2, True, False, ("steady",))
    assert facts.primary is not None
    assert facts.primary.id == "ecs-svc/1"


# --- service deployments ----------------------------------------------------------------------------------------------


def listed(aws: Aws) -> None:
    entry = {"id": "ecs-svc/1", "status": "PRIMARY", "taskDefinition": "td:8", "createdAt": NOW}
    aws.stub.add_response("describe_services", {"services": [{"serviceName": "web", "deployments": [entry]}]})


def test_service_deployment_is_found_by_its_target_revision(aws: Aws) -> None:
    listed(aws)
    briefs = [
        {"serviceDeploymentArn": f"arn:sd/{name}", "targetServiceRevisionArn": f"arn:sr/{name}", "createdAt": NOW}
        for name in ("theirs", "ours")
    ]
    aws.stub.add_response("list_service_deployments", {"serviceDeployments": briefs})
    revisions = [
        {"serviceRevisionArn": "arn:sr/theirs", "taskDefinition": "td:9"},
        {"serviceRevisionArn": "arn:sr/ours", "taskDefinition": "td:8"},
    ]
    aws.stub.add_response("describe_service_revisions", {"serviceRevisions": revisions})
    assert aws.adapter.find_service_deployment(WEB, "ecs-svc/1", "td:8") == "arn:sd/ours"


@pytest.mark.parametrize("code", ["UnsupportedFeatureException", "AccessDeniedException"])
def test_service_deployments_are_optional(aws: Aws, code: str) -> None:
    listed(aws)
    aws.stub.add_client_error("list_service_deployments", code, "no", 400)
    assert aws.adapter.find_service_deployment(WEB, "ecs-svc/1", "td:8") is None


def test_service_deployment_is_read(aws: Aws) -> None:
    entry = {
        "serviceDeploymentArn": "arn:sd/1",
        "status": "ROLLBACK_SUCCESSFUL",
        "rollback": {"reason": "alarm"},
        "deploymentCircuitBreaker": {"status": "MONITORING", "failureCount": 2, "threshold": 3},
        "alarms": {"status": "TRIGGERED", "alarmNames": ["a", "b"], "triggeredAlarmNames": ["b"]},
    }
    aws.stub.add_response("describe_service_deployments", {"serviceDeployments": [entry]})
    found = aws.adapter.service_deployments(["arn:sd/1"])["arn:sd/1"]
    assert (found.status, found.reason, found.failures, found.alarms) == ("ROLLBACK_SUCCESSFUL", "alarm", 2, ("b",))


# --- tasks ------------------------------------------------------------------------------------------------------------


def test_more_than_a_hundred_tasks(aws: Aws) -> None:
    arns = [f"{ARN}:task/prod/{number}" for number in range(120)]
    aws.stub.add_response("list_tasks", {"taskArns": arns[:100], "nextToken": "more"})
    aws.stub.add_response("list_tasks", {"taskArns": arns[100:]})
    for batch in (arns[:100], arns[100:]):
        aws.stub.add_response(
            "describe_tasks", {"tasks": [{"taskArn": arn} for arn in batch]}, {"cluster": "prod", "tasks": batch}
        )
    assert len(aws.adapter.running_tasks(WEB)) == 120


TASK = OneOffTask(WEB, "td:8", "app", ("bin/migrate",), "tengu-7-c0ffee")


def test_one_off_task_takes_the_service_s_network(aws: Aws) -> None:
    network = {"awsvpcConfiguration": {"subnets": ["s"], "securityGroups": ["g"], "assignPublicIp": "DISABLED"}}
    service = {
        "serviceName": "web",
        "networkConfiguration": network,
        "launchType": "FARGATE",
        "platformVersion": "1.4.0",
    }
    aws.stub.add_response("describe_services", {"services": [service]})
    expected = {
        "cluster": "prod",
        "taskDefinition": "td:8",
        "count": 1,
        "clientToken": TASK.token,
        "startedBy": TASK.token,
        "overrides": {"containerOverrides": [{"name": "app", "command": ["bin/migrate"]}]},
        "networkConfiguration": network,
        "platformVersion": "1.4.0",
        "launchType": "FARGATE",
    }
    aws.stub.add_response("run_task", {"tasks": [{"taskArn": "arn:task/1"}]}, expected)
    assert aws.adapter.run_task(TASK).arn == "arn:task/1"


def test_a_task_that_cannot_be_placed_says_why(aws: Aws) -> None:
    aws.stub.add_response("describe_services", described("web"))
    aws.stub.add_response("run_task", {"tasks": [], "failures": [{"reason": "RESOURCE:MEMORY"}]})
    with pytest.raises(ServiceError, match="RESOURCE:MEMORY") as error:
        aws.adapter.run_task(TASK)
    assert not error.value.transient


def test_started_by_is_the_only_filter_as_ecs_demands(aws: Aws) -> None:
    stopped = {"cluster": "prod", "family": "web", "desiredStatus": "STOPPED"}
    aws.stub.add_response("list_tasks", {"taskArns": ["arn:task/1", "arn:task/2"]}, stopped)
    tasks = [{"taskArn": "arn:task/1", "startedBy": "ecs-svc/1"}, {"taskArn": "arn:task/2", "startedBy": TASK.token}]
    aws.stub.add_response("describe_tasks", {"tasks": tasks})
    aws.stub.add_response("list_tasks", {"taskArns": []}, {"cluster": "prod", "startedBy": TASK.token})
    assert [task.arn for task in aws.adapter.find_tasks("prod", "web", TASK.token)] == ["arn:task/2"]


def test_a_forgotten_task_is_none(aws: Aws) -> None:
    aws.stub.add_response("describe_tasks", {"tasks": [], "failures": [{"reason": "MISSING"}]})
    assert aws.adapter.task("prod", "arn:task/1") is None


def test_log_lines_of_a_stream_that_is_not_there_yet(aws: Aws) -> None:
    options = {"awslogs-group": "/ecs/prod", "awslogs-stream-prefix": "web"}
    container = {"name": "app", "logConfiguration": {"logDriver": "awslogs", "options": options}}
    raw(aws, {"taskDefinition": {**DEFINITION, "containerDefinitions": [container]}})
    definition = aws.adapter.task_definition("web:7")
    aws.logs_stub.add_client_error("get_log_events", "ResourceNotFoundException", "no stream", 400)
    assert aws.adapter.log_tail(definition, "app", "arn:task/prod/1", 10) == ()
    request = {"logGroupName": "/ecs/prod", "logStreamName": "web/app/1", "limit": 10, "startFromHead": False}
    aws.logs_stub.add_response("get_log_events", {"events": [{"message": "done\n"}]}, request)
    assert aws.adapter.log_tail(definition, "app", "arn:task/prod/1", 10) == ("done",)


# --- errors -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "message", "status", "advice", "transient"),
    [
        ("AccessDeniedException", "User: x is not authorized to perform: ecs:UpdateService on resource", 400,
         "Allow ecs:UpdateService in the policy of Tengu's role.", False),
        ("AccessDeniedException", "User: x is not authorized to perform: iam:PassRole on resource", 400,
         "Allow iam:PassRole in the policy of Tengu's role.", False),
        ("ExpiredTokenException", "The security token included in the request is expired", 400, "have expired", False),
        ("UnrecognizedClientException", "The security token is invalid", 400, "are not valid", False),
        ("ClusterNotFoundException", "Cluster not found.", 400, "Check `cluster:`", False),
        ("ThrottlingException", "Rate exceeded", 400, "", True),
        ("ServerException", "boom", 500, "", True),
        ("ServiceNotActiveException", "Service was not ACTIVE.", 400, "Check `service:`", False),
    ],
)  # fmt: skip
def test_errors_say_what_to_do(aws: Aws, code: str, message: str, status: int, advice: str, transient: bool) -> None:
    aws.stub.add_client_error("update_service", code, message, status)
    with pytest.raises(ServiceError) as error:
        aws.adapter.update(WEB, "td:8")
    assert (error.value.service, error.value.action, error.value.transient) == ("AWS ECS", "UpdateService", transient)
    assert advice in error.value.advice


def test_no_connection_is_transient() -> None:
    with pytest.raises(ServiceError) as error, aws_errors("AWS ECS", "UpdateService"):
        raise EndpointConnectionError(endpoint_url="https://ecs")
    assert error.value.transient


@pytest.mark.parametrize("role", [None, "arn:aws:iam::1:role/deploy"])
def test_missing_region_or_credentials_are_explained(role: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    with pytest.raises(ServiceError) as error:
        EcsContainerServices(Sessions()).for_environment("ap-northeast-1" if role else None, role).services([WEB])
    assert error.value.advice.startswith("Give Tengu AWS credentials" if role else "Set `region:`")

"""Sets the demo's cluster up: what a team has before Tengu comes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tengu.sandbox.aws.stand_in import REGION, AwsStandIn

BREAKER = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}


def create_cluster(stand_in: AwsStandIn, name: str) -> None:
    """A cluster, and the log group that its services write to."""
    stand_in.client("ecs").create_cluster(clusterName=name)
    stand_in.client("logs").create_log_group(logGroupName=f"/ecs/{name}")


def create_repository(stand_in: AwsStandIn, name: str) -> str:
    """An image repository, in ECR and in the registry; answers with what `docker push` calls it."""
    stand_in.client("ecr").create_repository(repositoryName=name)
    return f"{stand_in.registry}/{name}"


def create_service(
    stand_in: AwsStandIn,
    cluster: str,
    service: str,
    image: str,
    *,
    desired: int = 1,
    command: Sequence[str] = (),
    container: str = "app",
    sidecar: str | None = None,
    breaker: bool = True,
) -> str:
    """A first task definition revision and a service that runs it; answers with the revision's ARN.

    Args:
        image: what its container runs; `sidecar`: an image for a second container beside it.
        command: instead of the image's own.
        breaker: the deployment circuit breaker is on and goes back by itself.
    """
    ecs = stand_in.client("ecs")
    containers = [_container(cluster, service, container, image, command)]
    if sidecar is not None:
        containers.append(_container(cluster, service, "sidecar", sidecar, ()))
    registered = ecs.register_task_definition(
        family=service, containerDefinitions=containers, tags=[{"key": "team", "value": "sandbox"}]
    )
    arn = str(registered["taskDefinition"]["taskDefinitionArn"])
    configuration: dict[str, Any] = {"minimumHealthyPercent": 100, "maximumPercent": 200}
    ecs.create_service(
        cluster=cluster,
        serviceName=service,
        taskDefinition=arn,
        desiredCount=desired,
        deploymentConfiguration=configuration | (BREAKER if breaker else {}),
    )
    return arn


def _container(cluster: str, service: str, name: str, image: str, command: Sequence[str]) -> dict[str, Any]:
    definition: dict[str, Any] = {
        "name": name,
        "image": image,
        "memory": 64,
        "essential": True,
        "logConfiguration": {
            "logDriver": "awslogs",
            "options": {
                "awslogs-group": f"/ecs/{cluster}",
                "awslogs-region": REGION,
                "awslogs-stream-prefix": service,
            },
        },
    }
    return definition | ({"command": list(command)} if command else {})

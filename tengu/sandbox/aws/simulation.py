"""What ministack cannot show without a container engine: tasks that end, and rollouts that fail.

Without an engine ministack completes every rollout at once and lets every task run for ever. This layer rewrites its
answers in the shapes of botocore's `ecs` service model: one-off tasks of Tengu end, and a rollout to an image that is
said to be broken fails and is rolled back as the deployment circuit breaker does.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from tengu.sandbox.faults import App, Receive, Scope, Send

_TARGET = b"x-amz-target"
_PREFIX = "AmazonEC2ContainerServiceV20141113."
ENDED_BY = "tengu-"


@dataclass
class _Failure:
    """A rollout that fails: how often it was looked at, and its entry of `deployments[]`."""

    entry: dict[str, Any]
    definition: str
    looks: int = 0


class Simulation:
    """ASGI layer over the proxy.

    Attributes:
        exit_code: of one-off tasks; None lets them run on.
        broken: image references, or parts of them, whose tasks never stay up.
        looks: how many DescribeServices see such a rollout going on before it fails.
    """

    def __init__(self, app: App) -> None:
        self._app = app
        self.clear()

    def clear(self) -> None:
        """Nothing is broken."""
        self.exit_code: int | None = 0
        self.broken: set[str] = set()
        self.looks = 1
        self._failures: dict[str, _Failure] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        target = dict(scope.get("headers", ())).get(_TARGET, b"").decode("latin-1")
        action = target.removeprefix(_PREFIX)
        if action not in ("DescribeTasks", "UpdateService", "DescribeServices"):
            await self._app(scope, receive, send)
            return
        body = await _read(receive)
        before = await self._running(scope, json.loads(body)) if action == "UpdateService" else ""
        status, answer = await self._call(scope, action, body)
        if status == 200:
            if action == "DescribeTasks":
                self._end_tasks(answer)
            elif action == "UpdateService":
                await self._begin(scope, json.loads(body), answer["service"], before)
            else:
                for service in answer["services"]:
                    self._show(service)
        await _send(send, status, answer)

    def _end_tasks(self, answer: dict[str, Any]) -> None:
        for task in answer["tasks"]:
            if self.exit_code is not None and task.get("startedBy", "").startswith(ENDED_BY):
                task |= {"lastStatus": "STOPPED", "desiredStatus": "STOPPED", "stopCode": "EssentialContainerExited"}
                for container in task["containers"]:
                    container |= {"lastStatus": "STOPPED", "exitCode": self.exit_code}

    async def _begin(self, scope: Scope, request: dict[str, Any], service: dict[str, Any], before: str) -> None:
        """A rollout began; one to a broken image is put back at once, and shown as failing from now on."""
        self._failures.pop(service["serviceArn"], None)
        definition = service["taskDefinition"]
        if not await self._is_broken(scope, definition):
            return
        entry = service["deployments"][0]
        entry |= {"rolloutState": "IN_PROGRESS", "rolloutStateReason": "", "runningCount": 0}
        self._failures[service["serviceArn"]] = _Failure(dict(entry), definition)
        breaker = service.get("deploymentConfiguration", {}).get("deploymentCircuitBreaker", {})
        if breaker.get("enable") and breaker.get("rollback"):
            back = {**request, "taskDefinition": before}
            await self._call(scope, "UpdateService", json.dumps(back).encode())

    async def _running(self, scope: Scope, request: dict[str, Any]) -> str:
        """The revision that the service is on."""
        ask = {"cluster": request.get("cluster", "default"), "services": [request["service"]]}
        _, answer = await self._call(scope, "DescribeServices", json.dumps(ask).encode())
        return next((str(service["taskDefinition"]) for service in answer.get("services", ())), "")

    async def _is_broken(self, scope: Scope, definition: str) -> bool:
        body = json.dumps({"taskDefinition": definition}).encode()
        _, answer = await self._call(scope, "DescribeTaskDefinition", body)
        images = [entry["image"] for entry in answer["taskDefinition"]["containerDefinitions"]]
        return any(part in image for part in self.broken for image in images)

    def _show(self, service: dict[str, Any]) -> None:
        failure = self._failures.get(service.get("serviceArn", ""))
        if failure is None:
            return
        failure.looks += 1
        primary = service["deployments"][0]
        back = primary["id"] != failure.entry["id"]
        if failure.looks <= self.looks:
            service["taskDefinition"] = failure.definition
            service["deployments"] = [failure.entry, *([primary | {"status": "ACTIVE"}] if back else [])]
            return
        failed = failure.entry | {
            "rolloutState": "FAILED",
            "rolloutStateReason": "ECS deployment circuit breaker: tasks failed to start.",
            "failedTasks": 3,
        }
        service["deployments"] = [primary, failed | {"status": "ACTIVE"}] if back else [failed]

    async def _call(self, scope: Scope, action: str, body: bytes) -> tuple[int, Any]:
        """Ask ministack as if the same client had."""
        headers = [(key, value) for key, value in scope["headers"] if key not in (_TARGET, b"content-length")]
        headers += [(_TARGET, (_PREFIX + action).encode()), (b"content-length", str(len(body)).encode())]
        status, answer = 0, b""

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            nonlocal status, answer
            status = message.get("status", status)
            answer += message.get("body", b"")

        await self._app({**scope, "headers": headers}, receive, send)
        return status, json.loads(answer)


async def _read(receive: Receive) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


async def _send(send: Send, status: int, answer: Any) -> None:
    body = json.dumps(answer).encode()
    headers = [(b"content-type", b"application/x-amz-json-1.1"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})

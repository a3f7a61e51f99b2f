"""Where Tengu is killed, and what is counted after it was started again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from tengu.domain.deployment import Deployment
from tengu.sandbox.example_app import ChangeSet
from tengu.sandbox.faults import Fault, Faults
from tengu.sandbox.world import BRANCH, CLUSTER, SERVICES
from tests.end_to_end.stage import Stage

Where = Literal["github", "slack", "aws", "site"]


@dataclass(frozen=True)
class KillPoint:
    """One call of Tengu's to the outside at which it is killed.

    Args:
        name: in words.
        call: shell pattern on the call's name.
        after: the outside has done what it was asked, and the answer is lost; else the call is lost.
        nth: of the calls of that name, counted from 1.
        when: armed before somebody asks to deploy, or before somebody merges.
    """

    name: str
    where: Where
    call: str
    after: bool = True
    nth: int = 1
    when: Literal["deploy", "merge"] = "merge"


@dataclass(frozen=True)
class Counts:
    """What GitHub, Slack and AWS have seen of one deployment.

    Args:
        pushes: of an image's manifest.
        revisions: of each service's task definition, that carry the deployment's tag.
        updates: calls of UpdateService, over all services.
        outcomes: of all deployments of the commit.
    """

    images: int
    pushes: int
    revisions: tuple[int, ...]
    tasks: int
    updates: int
    pull_requests: int
    status_messages: int
    closing_replies: int
    github_deployments: int
    outcomes: tuple[str, ...]
    seconds: float = 0

    def __str__(self) -> str:
        return (
            f"{self.images:6} {self.pushes:6} {'+'.join(str(number) for number in self.revisions):>9} {self.tasks:5}"
            f" {self.updates:7} {self.pull_requests:13} {self.status_messages:6} {self.closing_replies:7}"
            f" {self.github_deployments:17}  {', '.join(self.outcomes)} {self.seconds:6.0f} s"
        )


HEADING = "images pushes revisions tasks updates pull requests status closing GitHub deployment  outcome"
ONCE = Counts(1, 1, tuple(1 for _ in SERVICES), 1, len(SERVICES), 1, 1, 1, 1, ("succeeded",))


class Trap:
    """A fault that kills Tengu, and what is counted from the moment it was made.

    Attributes:
        sprung: set once Tengu is dead.
    """

    def __init__(self, stage: Stage) -> None:
        world = stage.world
        self._stage = stage
        self._faults: dict[Where, Faults] = {
            "github": world.github.faults,
            "slack": world.slack.faults,
            "aws": world.aws.faults,
            "site": stage.site.faults,
        }
        for faults in self._faults.values():
            faults.clear()
        self._pulls = set(world.repository.state.pulls)
        self._swallowed: list[str] = []
        self.sprung = threading.Event()

    def set(self, point: KillPoint) -> None:
        """Wait for that call."""
        faults = self._faults[point.where]
        if point.nth > 1:
            faults.add(Fault(point.call, times=point.nth - 1))  # lets them through

        def spring(call: str) -> None:
            self._stage.tengu.kill()
            if not point.after:
                self._swallowed.append(call)
            self.sprung.set()

        faults.add(Fault(point.call, status=500, after=point.after, hook=spring))

    def count(self, deployment: Deployment) -> Counts:
        """Ask GitHub, Slack and AWS what happened for that deployment, and the database for its outcomes."""
        stage, number, commit = self._stage, deployment.number, deployment.commit
        arrived = list(stage.world.aws.faults.calls)
        for call in self._swallowed:
            if call in arrived:
                arrived.remove(call)
        pulls = stage.world.repository.state.pulls
        return Counts(
            images=_images(stage, commit),
            pushes=sum(call.startswith("registry PUT /v2/web/manifests/") for call in arrived),
            revisions=tuple(_revisions(stage, service, number) for service in SERVICES),
            tasks=_tasks(stage, f"tengu-{number}-"),
            updates=arrived.count("ecs.UpdateService"),
            pull_requests=sum(pulls[new].base == BRANCH for new in set(pulls) - self._pulls),
            status_messages=len(stage.status_messages(number)),
            closing_replies=len(stage.closing_replies(number)),
            github_deployments=len(stage.github_states(commit)),
            outcomes=tuple(str(each.outcome) for each in stage.deployments.history() if each.commit == commit),
        )


def _images(stage: Stage, commit: str) -> int:
    """Digests that the registry knows by that commit, or by nothing."""
    images = stage.world.aws.client("ecr").describe_images(repositoryName="web")["imageDetails"]
    return len({each["imageDigest"] for each in images if commit in each.get("imageTags", [commit])})


def _revisions(stage: Stage, service: str, number: int) -> int:
    """Revisions that carry our deployment's tag."""
    ecs = stage.world.aws.client("ecs")
    arns = ecs.list_task_definitions(familyPrefix=service)["taskDefinitionArns"]
    described = [ecs.describe_task_definition(taskDefinition=arn, include=["TAGS"]) for arn in arns]
    ours = {"key": "tengu:deployment", "value": str(number)}
    return sum(ours in each.get("tags", ()) for each in described)


def _tasks(stage: Stage, token: str) -> int:
    """One-off tasks that were started for our deployment, running or stopped."""
    ecs = stage.world.aws.client("ecs")
    arns = {
        arn
        for status in ("RUNNING", "STOPPED")
        for arn in ecs.list_tasks(cluster=CLUSTER, desiredStatus=status)["taskArns"]
    }
    if not arns:
        return 0
    tasks = ecs.describe_tasks(cluster=CLUSTER, tasks=sorted(arns))["tasks"]
    return sum(task.get("startedBy", "").startswith(token) for task in tasks)


def play(point: KillPoint, stage: Stage, change: ChangeSet) -> Counts:
    """Deploy that change; Tengu is killed at that point and started again."""
    begun = time.monotonic()
    trap = Trap(stage)
    stage.world.merge(change)
    if point.when == "deploy":
        trap.set(point)
        stage.say("@tengu deploy production")
        restart(stage, trap)
        stage.until(lambda: bool(stage.open_pull_requests()), 60, "the deployment pull request")
    else:
        stage.propose()
    stage.until(stage.everything_said, 60, "the answer")
    if point.when == "merge":
        trap.set(point)
    commit = stage.merge(stage.open_pull_request())
    if point.when == "merge":
        restart(stage, trap)
    deployment = stage.ended(commit)
    return replace(trap.count(deployment), seconds=time.monotonic() - begun)


def restart(stage: Stage, trap: Trap) -> None:
    """Once it was killed there, start it again; what it had claimed runs out meanwhile."""
    stage.until(trap.sprung.is_set, 60, "the call at which it is killed")
    assert not stage.tengu.is_running
    stage.let_claims_run_out()
    stage.tengu.start()


def record(record_property: Callable[[str, object], None], name: str, counts: Counts) -> None:
    """For the table that is printed in the end."""
    record_property(f"table: {'Tengu was killed at':58} {HEADING}", f"{name:58} {counts}")

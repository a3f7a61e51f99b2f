"""What became of a rollout: a pure function from what ECS says to a verdict and one sentence for people.

"The service is stable" is not success: after the circuit breaker put the old revision back it is stable too. So the
question is always what became of *our* deployment, and what serves now. On doubt the answer is never `succeeded`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from tengu.domain.container_service import (
    EcsDeployment,
    ServiceDeployment,
    ServiceFacts,
    ServiceRef,
    TaskFacts,
    short,
)
from tengu.domain.stuck import explain

# Own detection of tasks that start and crash for ever: without a circuit breaker ECS never gives up, and with one it
# does not count tasks that were RUNNING for a moment. ECS's own threshold (3 at least) comes first.
_PATIENCE = 3
_PATIENCE_WITH_BREAKER = 10


class Progress(StrEnum):
    """Where a rollout is."""

    GOING_ON = "going_on"
    SUCCEEDED = "succeeded"
    FAILED = "failed"  #: ours failed and is not being replaced by ECS
    GOING_BACK = "going_back"  #: ours failed, and ECS says it puts, or will put, the old revision back
    ROLLED_BACK = "rolled_back"  #: the old revision was put back and is seen to serve
    SUPERSEDED = "superseded"  #: a deployment that is not ours took its place
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Target:
    """What one service was asked to run.

    Args:
        revision: task definition ARN it is to run.
        previous: the one that it ran before.
        deployment: id of the ECS deployment that UpdateService answered.
        containers: whose image was changed.
        digests: what may run in them: the pushed digest and, for an index, its manifests'; empty: not checked.
        what: how people call the revision.
    """

    ref: ServiceRef
    revision: str
    previous: str
    deployment: str
    containers: tuple[str, ...] = ()
    digests: frozenset[str] = frozenset()
    what: str = "the new image"


@dataclass(frozen=True)
class RolloutFacts:
    """Everything that is known of one service at one moment.

    Args:
        service_deployment: the service deployment of ours, where ECS answers with one.
        tasks: running tasks of the service; None if they were not asked for.
        stopped: tasks of our revision that ended, each once, as far as ECS remembers them.
    """

    service: ServiceFacts
    service_deployment: ServiceDeployment | None = None
    tasks: tuple[TaskFacts, ...] | None = None
    stopped: tuple[TaskFacts, ...] = ()


@dataclass(frozen=True)
class Verdict:
    """The state of one rollout, one sentence for people, and what is worth noting beside it."""

    progress: Progress
    sentence: str
    notes: tuple[str, ...] = ()

    @property
    def is_final(self) -> bool:
        """True once waiting longer changes nothing."""
        return self.progress not in (Progress.GOING_ON, Progress.GOING_BACK)


def judge(target: Target, facts: RolloutFacts) -> Verdict:
    """Judge one service. See `Progress` for what can come out."""
    service = facts.service
    if service.status != "ACTIVE":
        return _verdict(Progress.FAILED, target, f"the service is {service.status}")
    ecs = facts.service_deployment
    if ecs is not None and ecs.status == "ROLLBACK_FAILED":
        return _verdict(Progress.UNKNOWN, target, f"ECS failed, and failed to go back{_because(ecs.reason)}")
    primary = service.primary
    if primary is None:
        return _verdict(Progress.GOING_ON, target, "ECS names no deployment of it at the moment")
    if primary.id != target.deployment:
        return _replaced(target, facts, primary)
    return _ours(target, facts, primary)


def combine(verdicts: Iterable[Verdict]) -> Progress:
    """Where the whole rollout of several services is.

    One that failed decides at once (the others go back too); otherwise it goes on until every service is decided.
    """
    states = {verdict.progress for verdict in verdicts}
    for decided in (Progress.FAILED, Progress.ROLLED_BACK, Progress.UNKNOWN):
        if decided in states:
            return decided
    for open_ in (Progress.GOING_BACK, Progress.GOING_ON, Progress.SUPERSEDED):
        if open_ in states:
            return open_
    return Progress.SUCCEEDED


def _ours(target: Target, facts: RolloutFacts, primary: EcsDeployment) -> Verdict:
    ecs, service = facts.service_deployment, facts.service
    state = primary.rollout_state
    if ecs is not None and ecs.status.startswith("ROLLBACK"):
        return _verdict(Progress.GOING_BACK, target, f"ECS is going back{_because(ecs.reason)}")
    if state == "FAILED" or (ecs is not None and ecs.status == "STOPPED"):
        reason = (ecs.reason if ecs is not None else "") or primary.reason
        sentence = f"ECS gave up on {short(target.revision)}{_because(reason)}{explain(facts.stopped)}"
        return _verdict(Progress.GOING_BACK if service.breaker_rolls_back else Progress.FAILED, target, sentence)
    if ecs is not None and ecs.status == "SUCCESSFUL":
        return _serves(target, facts)
    if ecs is None and (state == "COMPLETED" or (not state and _settled(service, primary))):
        return _serves(target, facts)
    if len(facts.stopped) >= max(_PATIENCE_WITH_BREAKER if service.breaker else _PATIENCE, 2 * service.desired):
        return _verdict(
            Progress.FAILED, target, f"its tasks keep stopping, and ECS starts more{explain(facts.stopped)}"
        )
    return _verdict(Progress.GOING_ON, target, _pace(target, facts, primary))


def _serves(target: Target, facts: RolloutFacts) -> Verdict:
    """ECS calls our deployment finished: believe it only if our revision is seen to serve."""
    service = facts.service
    if service.task_definition != target.revision:
        return _verdict(Progress.GOING_ON, target, f"ECS says finished, but names {short(service.task_definition)}")
    if service.desired == 0:
        return _verdict(
            Progress.SUCCEEDED, target, "updated; nothing is running (desired count 0)", ("nothing is running",)
        )
    ours = [task for task in facts.tasks or () if task.task_definition == target.revision and task.status == "RUNNING"]
    if facts.tasks is None or len(ours) < service.desired:
        return _verdict(Progress.GOING_ON, target, f"finished; {len(ours)} of {service.desired} tasks seen running")
    foreign, silent = _digests(target, ours)
    if foreign:
        sentence = f"a task runs {', '.join(sorted(foreign))}, which is not the image that was pushed"
        return _verdict(Progress.UNKNOWN, target, sentence)
    notes = ("ECS reports no digest; the revision pinned by digest serves",) if silent else ()
    return _verdict(Progress.SUCCEEDED, target, f"{len(ours)} of {service.desired} tasks run {target.what}", notes)


def _digests(target: Target, tasks: Iterable[TaskFacts]) -> tuple[frozenset[str], bool]:
    if not target.digests:
        return frozenset(), False
    found = [entry.digest for task in tasks for entry in task.containers if entry.name in target.containers]
    return frozenset(found) - target.digests - {""}, "" in found or not found


def _replaced(target: Target, facts: RolloutFacts, primary: EcsDeployment) -> Verdict:
    """The primary deployment is not ours: ECS went back, or somebody else deployed."""
    if not _went_back(target, facts, primary):
        sentence = f"another deployment ({short(primary.task_definition)}) took the place of this one"
        return _verdict(Progress.SUPERSEDED, target, sentence)
    mine = facts.service.deployment(target.deployment)
    ecs = facts.service_deployment
    reason = (ecs.reason if ecs is not None else "") or (mine.reason if mine is not None else "")
    why = f"{_because(reason)}{explain(facts.stopped)}"
    old = short(primary.task_definition)
    ended = ecs is None or not ecs.status.endswith(("_REQUESTED", "IN_PROGRESS"))
    if ended and _settled(facts.service, primary) and _seen(facts, primary):
        return _verdict(Progress.ROLLED_BACK, target, f"ECS went back to {old}, which serves again{why}")
    return _verdict(Progress.GOING_BACK, target, f"ECS is going back to {old}{why}")


def _went_back(target: Target, facts: RolloutFacts, primary: EcsDeployment) -> bool:
    """Evidence that ECS itself replaced ours: without any, somebody else did."""
    if primary.task_definition == target.revision:
        return False
    ecs = facts.service_deployment
    if ecs is not None and ecs.status.startswith("ROLLBACK"):
        return True
    mine = facts.service.deployment(target.deployment)
    failed = mine is not None and mine.rollout_state == "FAILED"
    told = any(target.deployment in event and "failed" in event for event in facts.service.events)
    return (failed or told) and (primary.task_definition == target.previous or _says_back(primary.reason))


def _says_back(reason: str) -> bool:
    return "rolling back" in reason.lower() or "rollback" in reason.lower()


def _settled(service: ServiceFacts, primary: EcsDeployment) -> bool:
    if primary.rollout_state:
        return primary.rollout_state == "COMPLETED"
    return len(service.deployments) == 1 and primary.running >= primary.desired


def _seen(facts: RolloutFacts, primary: EcsDeployment) -> bool:
    if facts.service.desired == 0:
        return True
    serving = [task for task in facts.tasks or () if task.task_definition == primary.task_definition]
    return sum(task.status == "RUNNING" for task in serving) >= facts.service.desired


def _pace(target: Target, facts: RolloutFacts, primary: EcsDeployment) -> str:
    old = sum(entry.running for entry in facts.service.deployments if entry is not primary)
    text = f"{primary.running} of {facts.service.desired} tasks run {target.what}"
    if old and primary.running >= facts.service.desired:
        text += f"; {old} old still draining"
    failures = facts.service_deployment.failures if facts.service_deployment is not None else 0
    failed = max(primary.failed, failures)
    text += f"; {failed} failed" if failed else ""
    return text + explain(facts.stopped)


def _because(reason: str) -> str:
    return f": {reason.rstrip('.')}" if reason else ""


def _verdict(progress: Progress, target: Target, text: str, notes: tuple[str, ...] = ()) -> Verdict:
    name = target.ref.service.rpartition("/")[2]
    return Verdict(progress, f"{name}: {text}.", tuple(f"{name}: {note}." for note in notes))

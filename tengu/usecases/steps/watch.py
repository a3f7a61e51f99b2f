"""Watches the rollouts of several services with one poller until they are decided."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from tengu.domain.container_service import ServiceDeployment, ServiceFacts, ServiceRef, TaskFacts
from tengu.domain.rollout import Progress, RolloutFacts, Target, Verdict, combine, judge
from tengu.domain.stuck import is_failure
from tengu.errors import ServiceError
from tengu.ports.container_service import ContainerService
from tengu.usecases.steps.pace import Waits


@dataclass(frozen=True)
class Watched:
    """How it stood when the watching ended.

    Args:
        timed_out: the time was over before everything was decided.
        unanswered: what AWS said to the last question, if it did not answer it.
    """

    verdicts: Mapping[ServiceRef, Verdict]
    services: Mapping[ServiceRef, ServiceFacts]
    timed_out: bool = False
    unanswered: str = ""

    @property
    def progress(self) -> Progress:
        """All services together."""
        return combine(self.verdicts.values())

    @property
    def sentences(self) -> str:
        """One sentence a service."""
        return " ".join(verdict.sentence for verdict in self.verdicts.values())


class Watch:
    """One watching.

    Args:
        targets: what the services were asked to run.
        say: hears the sentences whenever they change.
        until_all: wait until every service is decided, also when one has failed already.
        fresh: the revisions never ran before, so every task of them that stopped tells of this rollout; otherwise
            tasks that had stopped before the first look do not count.
    """

    def __init__(
        self,
        ecs: ContainerService,
        waits: Waits,
        targets: Iterable[Target],
        say: Callable[[str], None],
        *,
        until_all: bool = False,
        fresh: bool = True,
    ) -> None:
        self._ecs = ecs
        self._waits = waits
        self._targets = tuple(targets)
        self._say = say
        self._until_all = until_all
        self._fresh = fresh
        self._old: dict[ServiceRef, frozenset[str]] = {}
        self._arns: dict[ServiceRef, str] = {}
        self._stopped: dict[ServiceRef, dict[str, TaskFacts]] = {target.ref: {} for target in self._targets}
        self._stuck_since: dict[ServiceRef, float] = {}
        self._said = ""

    def run(self, deadline: datetime) -> Watched:
        """Watch until it is decided or `deadline` has passed."""
        self._waits.restart()
        seen = Watched({}, {})
        while True:
            self._waits.guard()
            try:
                seen = self._look()
                text = seen.sentences
            except ServiceError as error:
                seen = replace(seen, unanswered=str(error))
                text = f"{error} Asking again."
            if text != self._said:
                self._said = text
                self._say(text)
            if not seen.unanswered and self._is_decided(seen):
                return seen
            if self._waits.now() >= deadline:
                return replace(seen, timed_out=True)
            self._waits.sleep()

    def _is_decided(self, seen: Watched) -> bool:
        if self._until_all:
            return all(verdict.is_final for verdict in seen.verdicts.values())
        return seen.progress not in (Progress.GOING_ON, Progress.GOING_BACK)

    def _look(self) -> Watched:
        services = self._ecs.services([target.ref for target in self._targets])
        deployments = self._service_deployments()
        verdicts = {
            target.ref: self._judge(target, services[target.ref], deployments.get(self._arns.get(target.ref, "")))
            for target in self._targets
        }
        return Watched(verdicts, services)

    def _service_deployments(self) -> Mapping[str, ServiceDeployment]:
        if self._waits.elapsed <= self._waits.pace.find_for:
            for target in self._targets:
                if target.ref not in self._arns:
                    arn = self._ecs.find_service_deployment(target.ref, target.deployment, target.revision)
                    if arn is not None:
                        self._arns[target.ref] = arn
        return self._ecs.service_deployments(list(self._arns.values())) if self._arns else {}

    def _judge(self, target: Target, service: ServiceFacts, ecs: ServiceDeployment | None) -> Verdict:
        primary = service.primary
        ours = service.deployment(target.deployment)
        finished = primary is not None and (primary.rollout_state != "IN_PROGRESS" or primary is not ours)
        tasks = self._ecs.running_tasks(target.ref) if finished or (ecs and ecs.status == "SUCCESSFUL") else None
        if ours is None or ours.failed or ours.rollout_state == "FAILED" or ours.running < service.desired:
            self._remember_stopped(target)
        stopped = tuple(self._stopped[target.ref].values())
        verdict = judge(target, RolloutFacts(service, ecs, tasks, stopped))
        stuck = verdict.progress is Progress.GOING_BACK and primary is ours
        return self._unless_stuck(target.ref, verdict) if stuck else verdict

    def _remember_stopped(self, target: Target) -> None:
        """ECS forgets stopped tasks after an hour and lists the newest alone: keep what was seen."""
        found = {task.arn: task for task in self._ecs.stopped_tasks(target.ref, target.revision) if is_failure(task)}
        old = self._old.setdefault(target.ref, frozenset() if self._fresh else frozenset(found))
        self._stopped[target.ref].update((arn, task) for arn, task in found.items() if arn not in old)

    def _unless_stuck(self, ref: ServiceRef, verdict: Verdict) -> Verdict:
        """ECS can call a deployment failed and never begin the rollback that it was configured to do."""
        since = self._stuck_since.setdefault(ref, self._waits.elapsed)
        if self._waits.elapsed - since < self._waits.pace.going_back:
            return verdict
        return replace(verdict, progress=Progress.FAILED, sentence=f"{verdict.sentence} ECS did not begin to go back.")

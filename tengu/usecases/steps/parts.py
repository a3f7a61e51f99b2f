"""What a rollout remembers of each service, so that a restart goes on where the last process was killed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from tengu.domain.container_service import ServiceFacts, ServiceRef, short
from tengu.domain.rollout import Target
from tengu.usecases.step import StepContext


@dataclass(frozen=True)
class Part:
    """One service of the rollout.

    Args:
        revision: what it is to run; empty until it is registered.
        previous: what it ran before.
        known: ids of the ECS deployments that were there before ours: whatever else runs our revision is ours.
        asked: UpdateService was, or was about to be, called.
        deployment: id of our ECS deployment; empty until it is known.
        unchanged: the service was on that revision already: nothing to update, nothing to put back.
    """

    cluster: str
    service: str
    containers: tuple[str, ...]
    revision: str
    previous: str
    digest: str
    digests: tuple[str, ...]
    known: tuple[str, ...] = ()
    asked: bool = False
    deployment: str = ""
    unchanged: bool = False

    @property
    def ref(self) -> ServiceRef:
        """The service."""
        return ServiceRef(self.cluster, self.service)

    @property
    def changed(self) -> bool:
        """True if the service may have been changed."""
        return self.asked and not self.unchanged

    def target(self) -> Target:
        """What is to be judged."""
        return Target(self.ref, self.revision, self.previous, self.deployment, self.containers, frozenset(self.digests))

    def adopt(self, facts: ServiceFacts) -> str:
        """Id of the ECS deployment that is ours though its id was never noted; empty if there is none."""
        primary = facts.primary
        if self.unchanged:
            return primary.id if primary is not None and primary.task_definition == self.revision else ""
        if not self.asked:
            return ""
        ours = [entry.id for entry in facts.deployments if entry.task_definition == self.revision]
        return next((identifier for identifier in ours if identifier not in self.known), "")


def load(context: StepContext) -> tuple[Part, ...]:
    """What was noted; empty at the first start."""
    return tuple(_part(entry) for entry in context.memo.get("services", ()))


def save(context: StepContext, parts: Iterable[Part], detail: str = "") -> None:
    """Note it."""
    context.note({"services": [asdict(part) for part in parts]}, detail)


def describe(parts: Iterable[Part], services: Mapping[ServiceRef, ServiceFacts]) -> str:
    """What runs now, service by service: `web runs web:8 (new)`."""
    return ", ".join(_state(part, services[part.ref]) for part in parts)


def _state(part: Part, facts: ServiceFacts) -> str:
    name = {part.revision: "new", part.previous: "as before"}.get(facts.task_definition, "not Tengu's")
    return f"{part.service} is on {short(facts.task_definition)} ({name}, {facts.running} of {facts.desired} tasks)"


def _part(entry: Mapping[str, Any]) -> Part:
    lists = {name: tuple(entry[name]) for name in ("containers", "digests", "known")}
    return Part(**{**entry, **lists})

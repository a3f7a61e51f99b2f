"""`history`: the last deployments with outcome, person and duration."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tengu.domain.answer import Answer
from tengu.domain.deployment import Deployment, Outcome
from tengu.domain.messages.words import EMOJI, short, took, when
from tengu.domain.text import mrkdwn
from tengu.ports.clock import Clock
from tengu.ports.store import Deployments
from tengu.usecases.people import People


@dataclass(frozen=True)
class ShowHistory:
    """Reads the record alone."""

    deployments: Deployments
    people: People
    clock: Clock

    def __call__(self, app: str, environment: str, limit: int = 20) -> Answer:
        """The newest `limit` deployments of an environment, newest first."""
        recorded = self.deployments.history(app=app, environment=environment, limit=limit)
        data = [to_json(each, self.clock.now()) for each in recorded]
        if not recorded:
            return Answer(f"Nothing was deployed to {app} {environment} yet: `@tengu deploy {environment} {app}`", data)
        lines = [self._line(each) for each in recorded]
        return Answer(f"*{app} {environment}*, newest first\n" + "\n".join(lines), data)

    def _line(self, deployment: Deployment) -> str:
        emoji = EMOJI[deployment.outcome] if deployment.outcome else ":hourglass_flowing_sand:"
        word = deployment.outcome.value if deployment.outcome else deployment.state.value
        reason = (
            f": {mrkdwn(deployment.reason)}"
            if deployment.reason and deployment.outcome is not Outcome.SUCCEEDED
            else ""
        )
        length = f" in {took(deployment, self.clock.now())}" if deployment.started_at else ""
        return (
            f"{emoji} {deployment.number} {word} {short(deployment.commit)} {when(deployment.created_at)}{length} "
            f"by {self.people.names().actor(deployment.person)}{reason}"
        )


def to_json(deployment: Deployment, now: datetime) -> dict[str, Any]:
    """One entry of `history --json`."""
    return {
        "number": deployment.number,
        "app": deployment.app,
        "environment": deployment.environment,
        "commit": deployment.commit,
        "source_commit": deployment.source_commit,
        "outcome": deployment.outcome.value if deployment.outcome else None,
        "reason": deployment.reason,
        "person": str(deployment.person),
        "pull_request": deployment.pull_request,
        "started_at": deployment.started_at.isoformat() if deployment.started_at else None,
        "finished_at": deployment.finished_at.isoformat() if deployment.finished_at else None,
        "steps": [
            {"name": step.name.value, "state": step.state.value, "seconds": round(step.seconds(now), 3)}
            for step in deployment.steps
        ],
    }

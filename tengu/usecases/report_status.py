"""`status`: what runs, since when, who is still to verify, what waits or is held, locks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tengu.config.model import Settings
from tengu.domain.answer import Answer
from tengu.domain.deployment import Deployment, Outcome, State
from tengu.domain.messages.words import EMOJI, OUTCOME_WORDS, link, numbers, short, when
from tengu.domain.text import mrkdwn
from tengu.ports.clock import Clock
from tengu.ports.store import DeploymentPullRequest, Deployments, Environments, VerificationItem, Verifications
from tengu.usecases.obstacles import Obstacles
from tengu.usecases.people import People


@dataclass(frozen=True)
class _Facts:
    app: str
    environment: str
    running: Deployment | None
    current: Deployment | None
    waiting: tuple[Deployment, ...]
    held: tuple[Deployment, ...]
    lock: str
    freeze: str
    pull_request: DeploymentPullRequest | None
    unverified: tuple[VerificationItem, ...]
    failed: Deployment | None


@dataclass(frozen=True)
class ReportStatus:
    """Reads the record alone: it answers while GitHub and AWS are away."""

    settings: Settings
    deployments: Deployments
    environments: Environments
    verifications: Verifications
    obstacles: Obstacles
    people: People
    clock: Clock

    def __call__(self, targets: list[tuple[str, str]]) -> Answer:
        """The status of these (app, environment) pairs."""
        facts = [self._load(app, environment) for app, environment in targets]
        return Answer("\n".join(self._text(each) for each in facts), [_data(each) for each in facts])

    def _load(self, app: str, environment: str) -> _Facts:
        current = self.deployments.in_lane(app, environment)
        closed = self.obstacles.closed(app, environment)
        request = self.environments.pull_request(app, environment)
        is_asked = request is not None and request.state != "closed"
        return _Facts(
            app,
            environment,
            self.deployments.last_succeeded(app, environment),
            current,
            self.deployments.waiting(app, environment),
            self.deployments.held(app, environment),
            closed.fact if closed and closed.code == "environment_locked" else "",
            closed.fact if closed and closed.code == "environment_frozen" else "",
            request if is_asked else None,
            self._unverified(app, environment),
            self._newest_failed(app, environment),
        )

    def _unverified(self, app: str, environment: str) -> tuple[VerificationItem, ...]:
        """Whoever is reminded, once an item: its box stands in the newest deployment pull request that lists it."""
        found: dict[int, VerificationItem] = {}
        for request in self.environments.pull_requests_to_verify():  # oldest first
            if (request.app, request.environment) == (app, environment):
                items = self.verifications.items(app, environment, request.number)
                found |= {item.item: item for item in items if item.listed}
        return tuple(item for _, item in sorted(found.items()) if not item.ticked)

    def _newest_failed(self, app: str, environment: str) -> Deployment | None:
        """The newest deployment if it ended and did not bring what it was to bring."""
        recorded = self.deployments.history(app=app, environment=environment, limit=20)
        newest = next((each for each in recorded if each.outcome is not Outcome.SKIPPED), None)
        ended = newest and newest.outcome not in (None, Outcome.SUCCEEDED, Outcome.UNKNOWN)
        return newest if ended else None

    def _text(self, facts: _Facts) -> str:
        names = self.people.names()
        lines = [f"*{facts.app} {facts.environment}* {_runs(facts.running)}"]
        if facts.current and facts.current.state is State.RUNNING:
            lines.append(f":rocket: deployment {facts.current.number} brings {short(facts.current.commit)} now")
        elif facts.current:
            lines.append(
                f":grey_question: how deployment {facts.current.number} ended is unknown; it keeps the lane. "
                f"`@tengu retry {facts.environment} {facts.app}`, `rollback` or `unlock --force`"
            )
        if facts.failed and facts.failed.outcome:
            lines.append(
                f"{EMOJI[facts.failed.outcome]} deployment {facts.failed.number} "
                f"{OUTCOME_WORDS[facts.failed.outcome]}: {mrkdwn(facts.failed.reason)} "
                f"`@tengu retry {facts.environment} {facts.app}` tries again"
            )
        lines.extend(f":hourglass: deployment {each.number} waits for its turn" for each in facts.waiting)
        lines.extend(
            f":raised_hand: deployment {each.number} is held: {mrkdwn(each.reason)} "
            f"`@tengu resume {facts.environment} {facts.app}` starts it"
            for each in facts.held
        )
        lines.extend(f":lock: {mrkdwn(fact)}" for fact in (facts.lock, facts.freeze) if fact)
        if facts.pull_request and facts.pull_request.state == "open":
            lines.append(f":memo: {link(facts.pull_request.url, f'#{facts.pull_request.number}')} is ready to merge")
        lines.extend(
            f":ballot_box_with_check: {names.login(login)} is still to verify {numbers(items)}"
            for login, items in _by_verifier(facts.unverified).items()
        )
        return "\n    ".join(lines)


def _runs(running: Deployment | None) -> str:
    if running is None:
        return "has not been deployed by Tengu yet"
    since = when(running.finished_at) if running.finished_at else ""
    return f"runs {short(running.commit)} since {since} (deployment {running.number})"


def _by_verifier(items: tuple[VerificationItem, ...]) -> dict[str, list[int]]:
    owed: dict[str, list[int]] = {}
    for item in items:
        for login in item.verifiers:
            owed.setdefault(login, []).append(item.item)
    return owed


def _data(facts: _Facts) -> dict[str, Any]:
    running = facts.running
    return {
        "app": facts.app,
        "environment": facts.environment,
        "running": running
        and {
            "number": running.number,
            "commit": running.commit,
            "since": running.finished_at.isoformat() if running.finished_at else None,
        },
        "current": facts.current.number if facts.current else None,
        "waiting": [each.number for each in facts.waiting],
        "held": [{"number": each.number, "code": each.code, "reason": each.reason} for each in facts.held],
        "lock": facts.lock or None,
        "freeze": facts.freeze or None,
        "pull_request": facts.pull_request.number if facts.pull_request else None,
        "unverified": [
            {"number": item.item, "verifier": verifier} for item in facts.unverified for verifier in item.verifiers
        ],
    }

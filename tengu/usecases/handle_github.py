"""What a stored GitHub webhook makes Tengu do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from tengu.config.model import Settings
from tengu.domain.people import Actor
from tengu.ports.code_host import CodeHost
from tengu.ports.store import DeploymentPullRequest, Environments, Event, Events, Verifications
from tengu.usecases.reconcile_environment import Announced, ReconcileEnvironment
from tengu.usecases.verify import Verify

BRANCH = "refs/heads/"


@dataclass(frozen=True)
class HandleGitHub:
    """Each method handles one kind of event; all of them may run again."""

    settings: Settings
    code_host: CodeHost
    environments: Environments
    verifications: Verifications
    events: Events
    reconcile: ReconcileEnvironment
    verify: Verify

    def pull_request(self, payload: Mapping[str, Any]) -> None:
        """A pull request into a deployment branch was merged, closed, reopened or edited."""
        person = Actor("github", payload["sender"])
        for app, environment in self._environments(payload["repository"], payload["base"]):
            match payload["action"]:
                case "closed" if payload["merged"]:
                    self._merged(app, environment, payload)
                case "closed":
                    self._set_state(app, environment, payload["number"], "closed", person)
                case "reopened":
                    self._set_state(app, environment, payload["number"], "open", person)
                case "edited" if payload["body_before"] is not None:
                    self._edited(app, environment, payload, person)

    def push(self, payload: Mapping[str, Any]) -> None:
        """A branch moved."""
        if not payload["ref"].startswith(BRANCH):
            return
        announced = Announced(payload["after"], Actor("github", payload["sender"]))
        for app, environment in self._environments(payload["repository"], payload["ref"].removeprefix(BRANCH)):
            by_merge = self.settings.apps[app].environments[environment].deploy_on == "merge"
            # A merge pushes too, but only the pull request's own event tells that it was one.
            self.reconcile(app, environment, None if by_merge else announced)

    def _merged(self, app: str, environment: str, payload: Mapping[str, Any]) -> None:
        person = Actor("github", payload["merged_by"] or payload["sender"])
        self.reconcile(app, environment, Announced(payload["merge_commit"] or "", person))

    def _edited(self, app: str, environment: str, payload: Mapping[str, Any], person: Actor) -> None:
        if self.environments.pull_request(app, environment, payload["number"]):
            self.verify.sync_ticks(app, environment, payload["number"], payload["body"], person, payload["body_before"])

    def _set_state(self, app: str, environment: str, number: int, state: str, person: Actor) -> None:
        known = self.environments.pull_request(app, environment, number)
        now = self.code_host.pull_request(self.settings.apps[app].repository, number).state
        if known is None or known.state == "merged" or now != state or known.state == now:
            return
        self.environments.save_pull_request(_in_state(known, now == "open"))
        action = "reopen pull request" if now == "open" else "close pull request"
        self.events.record(Event(person, action, "done", app, environment, detail={"pull_request": number}))

    def _environments(self, repository: str, branch: str) -> Iterator[tuple[str, str]]:
        for app, definition in self.settings.apps.items():
            if definition.repository.lower() != repository.lower():
                continue
            for name, environment in definition.environments.items():
                if branch in environment.branches:
                    yield app, name


def _in_state(known: DeploymentPullRequest, is_open: bool) -> DeploymentPullRequest:
    return replace(known, state="open" if is_open else "closed")

"""Looks at a deployment branch and starts what it asks for: on a webhook, at start, and every minute."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

from tengu.config.model import Environment, Settings
from tengu.domain.deployment import Deployment, Kind, NewDeployment, Outcome, State
from tengu.domain.messages import branches
from tengu.domain.people import TENGU, Actor
from tengu.domain.reconcile import Adopt, Facts, Hold, Nothing, Report, Start, decide
from tengu.errors import ServiceError
from tengu.ports.clock import Clock
from tengu.ports.code_host import CodeHost, PullRequest
from tengu.ports.store import Deployments, Destination, Environments, Event, Events, Outbox
from tengu.usecases.announce import Announce
from tengu.usecases.obstacles import Obstacles
from tengu.usecases.report_to_github import github_environment
from tengu.usecases.settle_merge import SettleMerge

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Announced:
    """What a signed webhook told: this commit came to this branch by this person."""

    commit: str
    person: Actor


@dataclass(frozen=True)
class ReconcileEnvironment:
    """Level-triggered: what it does depends on what GitHub and the record say now, not on what happened."""

    settings: Settings
    code_host: CodeHost
    deployments: Deployments
    environments: Environments
    events: Events
    outbox: Outbox
    obstacles: Obstacles
    settle: SettleMerge
    announce: Announce
    clock: Clock

    def everything(self) -> None:
        """Look at every environment; one that cannot be looked at does not keep the others waiting."""
        for app, definition in self.settings.apps.items():
            for environment in definition.environments:
                try:
                    self(app, environment)
                except ServiceError as error:
                    log.warning("could not look at %s %s: %s", app, environment, error)

    def __call__(self, app: str, environment: str, announced: Announced | None = None) -> None:
        """Look at one environment.

        Raises:
            ServiceError: GitHub or the database could not be asked; nothing was started.
        """
        for branch in self.settings.apps[app].environments[environment].branches:
            with self.environments.exclusive(f"reconcile:{app}/{environment}/{branch}"):
                self._look(app, environment, branch, announced)

    def _look(self, app: str, environment: str, branch: str, announced: Announced | None) -> None:
        repository = self.settings.apps[app].repository
        head = self.code_host.branch_head(repository, branch)
        if head is None or self._is_settled(app, environment, branch, head):
            return
        merged = self._merged(app, environment, branch, head)
        facts = self._facts(app, environment, branch, head, merged, announced)
        match decide(facts):
            case Nothing():
                return
            case Adopt(parent=parent):
                adopted = self.code_host.commit(repository, head).parents[0] if parent else head
                self.environments.adopt(app, environment, branch, adopted)
                if parent:
                    self._look(app, environment, branch, announced)
            case Report(code=code, fact=fact):
                self._report(app, environment, head, code, fact)
            case decision:
                self._record(app, environment, head, merged, decision, _person(merged, announced, head))

    def _is_settled(self, app: str, environment: str, branch: str, head: str) -> bool:
        """True where one look at the record is enough: the common case of the clock's visit."""
        adopted = self.environments.adopted(app, environment, branch)
        return adopted is not None and head == (self._last_recorded(app, environment) or adopted)

    def _merged(self, app: str, environment: str, branch: str, head: str) -> PullRequest | None:
        if self._environment(app, environment).deploy_on == "push":
            return None
        return self.code_host.pull_request_merged_as(self.settings.apps[app].repository, head, branch)

    def _facts(
        self,
        app: str,
        environment: str,
        branch: str,
        head: str,
        merged: PullRequest | None,
        announced: Announced | None,
    ) -> Facts:
        settings = self._environment(app, environment)
        adopted = self.environments.adopted(app, environment, branch)
        is_announced = announced is not None and announced.commit == head
        last = self._last_recorded(app, environment) or adopted
        person = _person(merged, announced, head)
        known = self.deployments.known_commit(app, environment, head)
        return Facts(
            head=head,
            adopted=adopted,
            known=known,
            shown_before=not known and self._is_shown(app, environment, head),
            descends=last is None or self.code_host.is_ancestor(self.settings.apps[app].repository, last, head),
            by_merge=settings.deploy_on == "merge",
            merged_at=merged.merged_at if merged else None,
            announced=is_announced,
            obstacle=self.obstacles.for_merge(app, environment, person),
            catch_up=settings.catch_up,
            now=self.clock.now(),
        )

    def _is_shown(self, app: str, environment: str, head: str) -> bool:
        repository, name = self.settings.apps[app].repository, github_environment(self.settings, app, environment)
        return bool(self.code_host.deployment_keys(repository, head, environment=name))

    def _last_recorded(self, app: str, environment: str) -> str | None:
        if len(self._environment(app, environment).branches) > 1:
            return None
        recorded = self.deployments.history(app=app, environment=environment, limit=50)
        return next((each.commit for each in recorded if each.kind in (Kind.MERGE, Kind.PUSH)), None)

    def _record(
        self, app: str, environment: str, head: str, merged: PullRequest | None, decision: Start | Hold, person: Actor
    ) -> None:
        new = self._new(app, environment, head, merged, person)
        if isinstance(decision, Hold):
            new = replace(new, hold_code=decision.obstacle.code, hold_reason=decision.obstacle.fact)
        deployment = self.deployments.create(new)
        if deployment is None:
            return
        self.events.record(
            Event(
                person,
                "merge" if merged else "push",
                "held" if new.hold_code else "done",
                app,
                environment,
                deployment.number,
                why=new.hold_reason,
                detail={"commit": head, "pull_request": new.pull_request},
            )
        )
        self._skip_older(deployment)
        self.announce(deployment)

    def _new(self, app: str, environment: str, head: str, merged: PullRequest | None, person: Actor) -> NewDeployment:
        running = self.deployments.last_succeeded(app, environment)
        base = running.source_commit if running else None
        if merged is None:
            return NewDeployment(app, environment, Kind.PUSH, head, head, base, None, (), person)
        settled = self.settle(app, environment, merged, base)
        return NewDeployment(
            app, environment, Kind.MERGE, head, settled.source_commit, base, merged.number, settled.items, person
        )

    def _skip_older(self, newer: Deployment) -> None:
        """A newer merge contains what older ones still wait, or are held, to bring."""
        if newer.state is State.HELD:
            return
        for older in (*self.deployments.waiting(*newer.lane), *self.deployments.held(*newer.lane)):
            if older.number < newer.number and older.kind in (Kind.MERGE, Kind.PUSH):
                reason = f"Deployment {newer.number} contains it."
                if skipped := self.deployments.end_unstarted(older.number, Outcome.SKIPPED, "newer_merge", reason):
                    self.announce(skipped)

    def _report(self, app: str, environment: str, head: str, code: str, fact: str) -> None:
        if not self.environments.reported(app, environment, head):
            return
        self.events.record(Event(TENGU, code, "refused", app, environment, why=fact, detail={"commit": head}))
        message = branches.not_deployed(app, environment, head, fact)
        channel = Destination(channel=self.settings.apps[app].channel)
        self.outbox.put(f"report:{app}/{environment}:{head}", channel, message)

    def _environment(self, app: str, environment: str) -> Environment:
        return self.settings.apps[app].environments[environment]


def _person(merged: PullRequest | None, announced: Announced | None, head: str) -> Actor:
    if merged and merged.merged_by:
        return Actor("github", merged.merged_by.login)
    return announced.person if announced and announced.commit == head else TENGU

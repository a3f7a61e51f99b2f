"""One command, wherever it was typed: finds what it means, checks who may, runs it.

Slack and the command line come through here, so that both know the same words and the same rules.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from tengu.config.model import Settings
from tengu.domain import command as commands
from tengu.domain.answer import Answer
from tengu.domain.command import COMMANDS, ParsedCommand, resolve, resolve_all
from tengu.domain.people import Actor
from tengu.errors import Refused
from tengu.ports.store import Event, Events
from tengu.usecases.authorise import Authorise
from tengu.usecases.channels import Channels
from tengu.usecases.control_deployment import ControlDeployment
from tengu.usecases.deploy_environment import DeployEnvironment
from tengu.usecases.lock_environment import LockEnvironment
from tengu.usecases.remind_verifiers import RemindVerifiers
from tengu.usecases.report_status import ReportStatus
from tengu.usecases.roll_back import RollBack
from tengu.usecases.show_history import ShowHistory
from tengu.usecases.verify_by_number import VerifyByNumber

LATER = {
    "merge": "press Merge on the deployment pull request in GitHub",
    "hotfix": "open a pull request with the cherry-picks into the deployment branch by hand; merging it deploys it",
    "log": "see the steps in the deployment's status message",
    "snooze": "the reminders respect `verification.hours` and stop at the tick",
    "link": "ask whoever runs Tengu to write your login into `users:` of tengu.yml",
}
Run = Callable[[], Answer]


@dataclass(frozen=True)
class Asked:
    """A command as it came in.

    Args:
        actor: who asks, and whose rights count.
        tick_as: whose tick it is, where that is somebody else (`--as` on the command line).
        channel: where it was asked; empty for direct messages and the command line.
        confirmed: the question behind it was answered with yes.
        message_key: key of the message that will carry the answer.
    """

    command: ParsedCommand
    actor: Actor
    channel: str = ""
    confirmed: bool = False
    message_key: str = ""
    tick_as: Actor | None = None


@dataclass(frozen=True)
class RunCommand:
    """Callable with what was asked; answers, or raises Refused or ServiceError."""

    settings: Settings
    authorise: Authorise
    channels: Channels
    events: Events
    deploy: DeployEnvironment
    status: ReportStatus
    history: ShowHistory
    control: ControlDeployment
    roll_back: RollBack
    locks: LockEnvironment
    verify: VerifyByNumber
    remind: RemindVerifiers

    def __call__(self, asked: Asked) -> Answer:
        """Run it."""
        try:
            return self._run(asked)
        except Refused as refusal:
            name = asked.command.name
            detail = {"code": refusal.code}
            self.events.record(Event(asked.actor, name, "refused", why=refusal.fact, detail=detail))
            raise

    def places(self) -> Mapping[str, Collection[str]]:
        """Every app with its environments."""
        return {name: tuple(app.environments) for name, app in self.settings.apps.items()}

    def names(self) -> frozenset[str]:
        """Every app and environment name."""
        return frozenset(self.settings.apps).union(*(app.environments for app in self.settings.apps.values()))

    def _run(self, asked: Asked) -> Answer:
        command = asked.command
        match command:
            case commands.Verify() | commands.Unverify():
                apps = self.channels.apps_of(asked.channel)
                ticked = isinstance(command, commands.Verify)
                return self.verify(command.numbers, ticked, asked.actor, apps, tick_as=asked.tick_as)
            case commands.Status(target=target):
                found = resolve_all(target, self.places(), self.channels.apps_of(asked.channel), command="status")
                return self.status(self._visible(found, asked.actor, asked_for=bool(target)))
            case commands.Merge() | commands.Hotfix() | commands.Log() | commands.Snooze() | commands.Link():
                raise Refused(
                    "not_built_yet", f"`{command.name}` is not there yet.", f"For now: {LATER[command.name]}."
                )
        app, environment = resolve(
            command.target, self.places(), self.channels.apps_of(asked.channel), command=command.name
        )
        self._allow(command, app, environment, asked.actor)
        return self._in_environment(asked, app, environment)

    def _in_environment(self, asked: Asked, app: str, environment: str) -> Answer:
        actor = asked.actor
        match asked.command:
            case commands.Deploy():
                return self.deploy(app, environment, actor, confirmed=asked.confirmed, message_key=asked.message_key)
            case commands.Diff():
                return self.deploy.diff(app, environment)
            case commands.History():
                return self.history(app, environment)
            case commands.Remind():
                return self.remind.now(app, environment, actor)
            case _:
                return self._steer(asked, app, environment)

    def _steer(self, asked: Asked, app: str, environment: str) -> Answer:
        actor = asked.actor
        match asked.command:
            case commands.Rollback(to=to):
                return self.roll_back(app, environment, actor, to, confirmed=asked.confirmed)
            case commands.Retry():
                return self.control.retry(app, environment, actor)
            case commands.Cancel():
                return self.control.cancel(app, environment, actor)
            case commands.Resume():
                return self.control.resume(app, environment, actor)
            case commands.Lock(duration=duration, why=why):
                return self.locks.lock(app, environment, actor, duration, why)
            case commands.Unlock(force=force):
                return self.locks.unlock(app, environment, actor, force=force)
            case other:
                raise AssertionError(f"no use case for {other}")

    def _allow(self, command: Any, app: str, environment: str, actor: Actor) -> None:
        pushes = command.name == "deploy" and self.settings.apps[app].environments[environment].deploy_on == "push"
        if pushes or COMMANDS[command.name].needs == "deployer":
            self.authorise.deployer(actor, app, environment)
        else:
            self.authorise.member(actor, app)

    def _visible(self, places: tuple[tuple[str, str], ...], actor: Actor, *, asked_for: bool) -> list[tuple[str, str]]:
        """Those whose app's channel the person is in; refused where none is left or one was named."""
        visible, refusal = [], None
        for app, environment in places:
            try:
                self.authorise.member(actor, app)
                visible.append((app, environment))
            except Refused as error:
                refusal = error
        if refusal and (asked_for or not visible):
            raise refusal
        return visible

"""Loads the facts that tengu.domain.permission decides on.

Where Slack cannot be asked that is a `ServiceError` that names the method, never a refusal and never a yes.
"""

from __future__ import annotations

from dataclasses import dataclass

from tengu.config.model import App, Environment, Settings
from tengu.domain import permission
from tengu.domain.people import Actor
from tengu.errors import Refused
from tengu.ports.chat import Chat


@dataclass(frozen=True)
class Authorise:
    """Every method returns None if it is allowed, raises Refused if not, and ServiceError if Slack did not answer.

    Whoever holds configuration and database (`cli`) may do all, and so may Tengu itself.
    """

    settings: Settings
    chat: Chat

    def anyone(self, actor: Actor) -> None:
        """A member of any app's channel: `snooze`, `link`."""
        if _is_trusted(actor):
            return
        user = self.chat.user(_slack_id(actor))
        _raise(permission.full_member(user))
        if not any(self._in_channel(app, user.id) for app in self.settings.apps.values()):
            name, app = next(iter(self.settings.apps.items()))
            _raise(permission.member(user, name, app.channel, in_channel=False))

    def member(self, actor: Actor, app: str) -> None:
        """A member of the app's channel: reading commands, `deploy`, `hotfix`, `verify`, `remind`, …"""
        if _is_trusted(actor):
            return
        config = self.settings.apps[app]
        user = self.chat.user(_slack_id(actor))
        _raise(permission.full_member(user))
        _raise(permission.member(user, app, config.channel, in_channel=self._in_channel(config, user.id)))

    def deployer(self, actor: Actor, app: str, environment: str) -> None:
        """One of the environment's deployers: `rollback`, `retry`, `resume`, `cancel`, `lock`, `unlock`, `merge`,
        and `deploy` on a push environment."""
        if _is_trusted(actor):
            return
        config = self.settings.apps[app]
        target = config.environments[environment]
        if not target.deployers:
            self.member(actor, app)
            return
        user = self.chat.user(_slack_id(actor))
        _raise(permission.full_member(user))
        is_deployer = self._is_deployer(target, user.id)
        _raise(
            permission.deployer(
                user, app, environment, config.channel, restricted=True, is_deployer=is_deployer, in_channel=False
            )
        )

    def merger(self, app: str, environment: str, login: str) -> None:
        """Whoever merged the deployment pull request on GitHub: with empty `deployers` GitHub's own right is enough,
        otherwise only a login that `users:` proves to be a deployer."""
        target = self.settings.apps[app].environments[environment]
        restricted = bool(target.deployers)
        slack_id = self._proven_slack_id(login) if restricted else None
        is_deployer = slack_id is not None and self._is_active_deployer(target, slack_id)
        _raise(permission.merger(login, app, environment, restricted=restricted, is_deployer=is_deployer))

    def proven_login(self, actor: Actor) -> str:
        """The GitHub login that is proven to be this Slack user's. Raises Refused `not_linked`."""
        found = [login for login, user in self.settings.users.items() if user == _slack_id(actor)]
        if not found:
            raise permission.not_linked()
        return found[0]

    def _proven_slack_id(self, login: str) -> str | None:
        return next((user for name, user in self.settings.users.items() if name.lower() == login.lower()), None)

    def _is_active_deployer(self, environment: Environment, user: str) -> bool:
        """Also in `merger`, a guest or a deactivated account is no deployer."""
        return permission.full_member(self.chat.user(user)) is None and self._is_deployer(environment, user)

    def _is_deployer(self, environment: Environment, user: str) -> bool:
        """User ids start with U or W, user groups with S (https://docs.slack.dev/reference/objects)."""
        if user in environment.deployers:
            return True
        groups = [entry for entry in environment.deployers if entry.startswith("S")]
        return any(self.chat.in_user_group(group, user) for group in groups)

    def _in_channel(self, app: App, user: str) -> bool:
        return self.chat.is_member(self.chat.channel_id(app.channel), user)


def _is_trusted(actor: Actor) -> bool:
    return actor.source in ("cli", "tengu")


def _slack_id(actor: Actor) -> str:
    if actor.source != "slack":
        raise Refused(
            "stranger", f"{actor} did not ask through Slack or the command line.", "Type the command in Slack."
        )
    return actor.id


def _raise(refusal: Refused | None) -> None:
    if refusal is not None:
        raise refusal

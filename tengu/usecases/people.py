"""Which Slack account belongs to which GitHub account.

`users:` in tengu.yml first, then a link the person made, then the e-mail address both accounts show. Never by
similar names. Only `users:` is proof; the rest is good enough for pings.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

from tengu.config.model import Settings
from tengu.domain.messages.words import Names
from tengu.domain.people import Actor
from tengu.errors import ServiceError
from tengu.ports.chat import Chat
from tengu.ports.clock import Clock
from tengu.ports.code_host import CodeHost
from tengu.ports.store import Verifications

log = logging.getLogger(__name__)
REMEMBERED = 300.0  # seconds


@dataclass(frozen=True)
class People:
    """Looks people up; an outside service that is away makes a person unknown for the moment, nothing worse.

    Args:
        plain_names: answers name people by their logins (the command line, where a mention means nothing).
    """

    settings: Settings
    chat: Chat
    code_host: CodeHost
    verifications: Verifications
    clock: Clock
    plain_names: bool = False
    _asked: dict[str, tuple[float, str | None]] = field(default_factory=dict, repr=False)

    def slack_id(self, login: str) -> str | None:
        """Slack user id of a GitHub login; None if nobody is known."""
        known = self.proven_slack_id(login) or self.verifications.take_link(login)
        return known or self._by_email(login)

    def proven_slack_id(self, login: str) -> str | None:
        """Slack user id written in `users:`; logins are compared without case, as GitHub does."""
        return next((user for name, user in self.settings.users.items() if name.lower() == login.lower()), None)

    def login(self, slack_id: str) -> str | None:
        """GitHub login of a Slack user, as far as `users:` tells."""
        return next((name for name, user in self.settings.users.items() if user == slack_id), None)

    def names(self) -> Names:
        """How to write people in messages."""
        return Names() if self.plain_names else Names(self.slack_id)

    def plain(self, actor: Actor) -> str:
        """A person in plain text: the name Slack shows where it can be asked, else what is known."""
        if actor.source != "slack":
            return actor.id or "Tengu"
        try:
            return self.chat.user(actor.id).name
        except ServiceError as error:
            log.warning("could not look up the name of %s: %s", actor, error)
            return actor.id

    def _by_email(self, login: str) -> str | None:
        """Remembered for some minutes, also that nobody was found: messages are edited every few seconds."""
        now = self.clock.monotonic()
        known = self._asked.get(login)
        if known is None or now - known[0] > REMEMBERED:
            known = self._asked[login] = (now, self._ask(login))
        return known[1]

    def _ask(self, login: str) -> str | None:
        try:
            email = self.code_host.email(login)
            user = self.chat.user_by_email(email) if email else None
        except ServiceError as error:
            log.warning("could not look up the Slack account of %s: %s", login, error)
            return None
        return user.id if user and not user.is_deleted else None

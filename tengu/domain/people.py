"""People as GitHub, Slack and the command line know them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Source = Literal["slack", "github", "cli", "tengu"]


@dataclass(frozen=True)
class GitHubUser:
    """A GitHub account.

    Args:
        login: the login as GitHub spells it (`alice`, `dependabot[bot]`).
        is_bot: True for apps and machine accounts: they are shown, never mentioned, and verify nothing.
    """

    login: str
    is_bot: bool = False


@dataclass(frozen=True)
class ChatUser:
    """A Slack account.

    Args:
        id: Slack user id (`U012ALICE`).
        name: the name people see.
        timezone: IANA zone the person set in Slack; `UTC` where Slack did not say.
        is_bot: True for apps.
        is_guest: True for single- and multi-channel guests.
        is_stranger: True for people of another workspace (Slack Connect).
        is_deleted: True once the account is deactivated.
    """

    id: str
    name: str
    timezone: str = "UTC"
    is_bot: bool = False
    is_guest: bool = False
    is_stranger: bool = False
    is_deleted: bool = False


@dataclass(frozen=True)
class Actor:
    """Whoever did something, and where from: what the event record and `history` show.

    Args:
        source: where the act came from.
        id: Slack user id, GitHub login or the operating system's user name; empty for Tengu itself.
    """

    source: Source
    id: str = ""

    def __str__(self) -> str:
        return f"{self.source}:{self.id}" if self.id else self.source

    @classmethod
    def parse(cls, text: str) -> Actor:
        """Read back what `str()` wrote."""
        source, _, identifier = text.partition(":")
        if source not in ("slack", "github", "cli", "tengu"):
            raise ValueError(f"not an actor: {text!r}")
        return cls(source, identifier)  # type: ignore[arg-type]  # narrowed by the line above


TENGU = Actor("tengu")

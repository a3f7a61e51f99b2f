"""A Slack workspace in memory: people, channels, messages."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

TEAM = "T0SANDBOX"
BOT_USER = "U0TENGU"
BOT_ID = "B0TENGU"
APP_ID = "A0TENGU"
BOT_TOKEN = "xoxb-sandbox"
SIGNING_SECRET = "sandbox-signing-secret"


@dataclass
class Person:
    """One account; `stranger` means somebody of another workspace (Slack Connect)."""

    id: str
    name: str
    email: str = ""
    tz: str = "Asia/Tokyo"
    guest: bool = False
    stranger: bool = False
    deleted: bool = False
    bot: bool = False


@dataclass
class Channel:
    """A channel, or with `user` the bot's direct message with that person."""

    id: str
    name: str
    members: list[str]
    private: bool = False
    archived: bool = False
    user: str = ""


@dataclass
class StoredMessage:
    """One message.

    Args:
        edits: earlier (text, blocks), oldest first.
        only_for: the one person who sees an ephemeral message.
        closed: True once Slack no longer lets it be edited.
    """

    channel: str
    ts: str
    user: str
    text: str
    blocks: list[dict[str, Any]] = field(default_factory=list)
    thread_ts: str = ""
    metadata: dict[str, Any] | None = None
    edits: list[tuple[str, list[dict[str, Any]]]] = field(default_factory=list)
    only_for: str = ""
    closed: bool = False

    def shown(self) -> str:
        """What people read: the blocks' texts if it has blocks, else its text."""
        return "\n".join(_block_text(block) for block in self.blocks) if self.blocks else self.text


def _block_text(block: dict[str, Any]) -> str:
    if block["type"] == "actions":
        return " ".join(f"[{element['text']['text']}]" for element in block["elements"])
    texts = block.get("elements") or [block[key] for key in ("text",) if key in block]
    return " ".join(str(text["text"]) for text in texts)


class Workspace:
    """Everything Slack knows; guarded by one lock."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.people: dict[str, Person] = {}
        self.channels: dict[str, Channel] = {}
        self.groups: dict[str, list[str]] = {}
        self.posted: list[StoredMessage] = []
        self._last_ts = 0
        self.clear()

    def clear(self) -> None:
        """Nobody but the bot is left; time goes on."""
        with self.lock:
            for kept in (self.people, self.channels, self.groups, self.posted):
                kept.clear()
            self.add_person(Person(BOT_USER, "tengu", bot=True))

    def add_person(self, person: Person) -> Person:
        """Let somebody join the workspace."""
        with self.lock:
            self.people[person.id] = person
        return person

    def add_channel(self, channel_id: str, name: str, members: Iterable[str] = (), *, bot: bool = True,
                    private: bool = False) -> Channel:  # fmt: skip
        """Make a channel; with `bot`, Tengu is in it."""
        with self.lock:
            everybody = [*members, *([BOT_USER] if bot else [])]
            self.channels[channel_id] = Channel(channel_id, name, everybody, private)
            return self.channels[channel_id]

    def add_group(self, group_id: str, members: Iterable[str]) -> None:
        """Make a user group."""
        with self.lock:
            self.groups[group_id] = list(members)

    def direct_message(self, user: str) -> Channel:
        """The bot's direct message with that person, made when first asked for."""
        with self.lock:
            channel_id = "D" + user[1:]
            if channel_id not in self.channels:
                self.channels[channel_id] = Channel(channel_id, "directmessage", [user, BOT_USER], user=user)
            return self.channels[channel_id]

    def channel(self, name: str) -> Channel | None:
        """By id or `#name`."""
        with self.lock:
            wanted = name.removeprefix("#")
            return self.channels.get(name) or next(
                (channel for channel in self.channels.values() if channel.name == wanted and not channel.user), None
            )

    def post(self, message: StoredMessage) -> StoredMessage:
        """Keep a message; its ts is set here."""
        with self.lock:
            self._last_ts = max(self._last_ts + 1, int(time.time() * 1_000_000))
            seconds, micros = divmod(self._last_ts, 1_000_000)
            message.ts = f"{seconds}.{micros:06d}"
            self.posted.append(message)
            return message

    def message(self, channel: str, ts: str) -> StoredMessage | None:
        """That message, unless it is ephemeral."""
        with self.lock:
            return next((m for m in self.posted if (m.channel, m.ts) == (channel, ts) and not m.only_for), None)

    def messages(self, channel: str) -> tuple[StoredMessage, ...]:
        """All of a channel in order of time, replies and ephemeral ones included."""
        with self.lock:
            return tuple(message for message in self.posted if message.channel == channel)

    def delete(self, channel: str, ts: str) -> None:
        """Somebody deletes a message."""
        with self.lock:
            self.posted = [message for message in self.posted if (message.channel, message.ts) != (channel, ts)]

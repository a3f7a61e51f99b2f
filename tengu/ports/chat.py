"""Slack, as far as Tengu needs it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from tengu.domain.message import Message
from tengu.domain.people import ChatUser


@dataclass(frozen=True)
class Posted:
    """Where a message stands: channel id and timestamp."""

    channel: str
    ts: str


class MessageGone(Exception):
    """Slack no longer has the message, or no longer lets us edit it: post a new one."""


class Chat(Protocol):
    """What Tengu does in Slack. Every method raises `ServiceError("Slack", method, …)`."""

    def post(self, channel: str, message: Message, *, thread: str = "", key: str = "") -> Posted:
        """Post it (chat.postMessage); `key` goes along as message metadata so that `find` finds it again.

        `channel` is an id or `#name`.
        """

    def find(self, channel: str, key: str, *, thread: str = "", since: float = 0) -> Posted | None:
        """The message of ours with that key in this channel or thread, posted after `since` (Unix seconds)."""

    def update(self, posted: Posted, message: Message, *, key: str = "") -> None:
        """Replace its content (chat.update). Raises MessageGone."""

    def direct_message(self, user: str) -> str:
        """Channel id of the direct message with that user (conversations.open)."""

    def user(self, user: str) -> ChatUser:
        """users.info, cached for some minutes."""

    def user_by_email(self, email: str) -> ChatUser | None:
        """users.lookupByEmail, cached for some minutes; None if nobody has it."""

    def is_member(self, channel: str, user: str) -> bool:
        """Is that user in that channel (conversations.members, all pages, cached for a minute)?"""

    def channel_id(self, channel: str) -> str:
        """Id of an id or `#name` (conversations.list, cached)."""

    def in_user_group(self, group: str, user: str) -> bool:
        """Is that user in that user group (usergroups.users.list, cached for a minute)?"""

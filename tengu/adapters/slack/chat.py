"""`tengu.ports.chat.Chat` on Slack's Web API."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from slack_sdk.errors import SlackObjectFormationError

from tengu.adapters.slack.blocks import to_slack
from tengu.adapters.slack.cache import Cache
from tengu.adapters.slack.client import SlackClient, SlackRefusal
from tengu.domain.message import Message
from tengu.domain.people import ChatUser
from tengu.errors import ServiceError
from tengu.ports.chat import MessageGone, Posted
from tengu.secret import Secret

EVENT_TYPE = "tengu_message"
_GONE = {"message_not_found", "edit_window_closed", "cant_update_message", "thread_not_found"}
_MINUTE = 60.0
_MEMBERS_PAGE = 1000
_HISTORY_PAGE = 200


class SlackChat:
    """Slack through one bot token.

    Args:
        token: SLACK_BOT_TOKEN.
        url: SLACK_API_URL.
        monotonic: seconds that never go back, for the caches.
        pause: seconds between attempts after a broken connection.
    """

    def __init__(
        self,
        token: Secret,
        url: str = "https://slack.com/api/",
        *,
        monotonic: Callable[[], float] = time.monotonic,
        timeout: int = 10,
        pause: float = 0.5,
    ) -> None:
        self._client = SlackClient(token, url, timeout=timeout, pause=pause)
        self._identity: Cache[dict[str, Any]] = Cache(60 * _MINUTE, monotonic)
        self._users: Cache[ChatUser] = Cache(5 * _MINUTE, monotonic)
        self._emails: Cache[ChatUser | None] = Cache(5 * _MINUTE, monotonic)
        self._members: Cache[frozenset[str]] = Cache(_MINUTE, monotonic)
        self._groups: Cache[frozenset[str]] = Cache(_MINUTE, monotonic)
        self._channels: Cache[Mapping[str, str]] = Cache(10 * _MINUTE, monotonic)

    def post(self, channel: str, message: Message, *, thread: str = "", key: str = "") -> Posted:
        """chat.postMessage; never repeated by itself, because a lost answer may hide a posted message."""
        answer = self._ask(
            "chat.postMessage",
            once=True,
            channel=channel,
            thread_ts=thread or None,
            metadata=_metadata(key),
            unfurl_links=False,
            unfurl_media=False,
            **_content("chat.postMessage", message),
        )
        return Posted(str(answer["channel"]), str(answer["ts"]))

    def find(self, channel: str, key: str, *, thread: str = "", since: float = 0) -> Posted | None:
        """conversations.history or conversations.replies with include_all_metadata."""
        method = "conversations.replies" if thread else "conversations.history"
        channel_id = self.channel_id(channel)
        pages = self._pages(
            method,
            "messages",
            channel=channel_id,
            ts=thread or None,
            oldest=f"{since:.6f}",
            include_all_metadata=True,
            limit=_HISTORY_PAGE,
        )
        us = self._who_we_are()["user_id"]
        for message in self._existing(pages):
            metadata = message.get("metadata") or {}
            same = metadata.get("event_type") == EVENT_TYPE and metadata.get("event_payload", {}).get("key") == key
            if same and message.get("user") == us:
                return Posted(channel_id, str(message["ts"]))
        return None

    def update(self, posted: Posted, message: Message, *, key: str = "") -> None:
        """chat.update; `blocks` always goes along, because Slack keeps the old ones where it is left out."""
        content = _content("chat.update", message)
        try:
            self._client.call("chat.update", channel=posted.channel, ts=posted.ts, metadata=_metadata(key), **content)
        except SlackRefusal as refusal:
            if refusal.code in _GONE:
                raise MessageGone(refusal.code) from None
            raise refusal.error from None

    def direct_message(self, user: str) -> str:
        """conversations.open: the same channel each time."""
        return str(self._ask("conversations.open", users=user)["channel"]["id"])

    def user(self, user: str) -> ChatUser:
        """users.info, cached for five minutes."""
        return self._users.get(user, lambda: self._to_user(self._ask("users.info", user=user)["user"]))

    def user_by_email(self, email: str) -> ChatUser | None:
        """users.lookupByEmail, cached for five minutes."""

        def look() -> ChatUser | None:
            try:
                return self._to_user(self._client.call("users.lookupByEmail", email=email)["user"])
            except SlackRefusal as refusal:
                if refusal.code == "users_not_found":
                    return None
                raise refusal.error from None

        return self._emails.get(email.lower(), look)

    def is_member(self, channel: str, user: str) -> bool:
        """conversations.members; nobody is turned away on a cached answer."""

        def look() -> frozenset[str]:
            pages = self._pages("conversations.members", "members", channel=channel, limit=_MEMBERS_PAGE)
            return frozenset(pages)

        return user in self._members.get(channel, look) or user in self._members.fresh(channel, look)

    def channel_id(self, channel: str) -> str:
        """An id as it is; `#name` by conversations.list, cached for ten minutes."""
        if not channel.startswith("#"):
            return channel
        name = channel[1:]
        found = self._channels.get("", self._list_channels).get(name)
        found = found or self._channels.fresh("", self._list_channels).get(name)
        if found is None:
            advice = f"Create {channel}, or correct `channel` in tengu.yml; to a private channel, invite @tengu."
            raise ServiceError("Slack", "conversations.list", f"there is no channel {channel}.", advice=advice)
        return found

    def in_user_group(self, group: str, user: str) -> bool:
        """usergroups.users.list; nobody is turned away on a cached answer."""

        def look() -> frozenset[str]:
            return frozenset(self._ask("usergroups.users.list", usergroup=group)["users"])

        return user in self._groups.get(group, look) or user in self._groups.fresh(group, look)

    def _list_channels(self) -> Mapping[str, str]:
        types = "public_channel,private_channel"
        pages = self._pages("conversations.list", "channels", types=types, exclude_archived=True, limit=_MEMBERS_PAGE)
        return {str(channel["name"]): str(channel["id"]) for channel in pages}

    def _who_we_are(self) -> dict[str, Any]:
        return self._identity.get("", lambda: self._ask("auth.test"))

    def _to_user(self, data: Mapping[str, Any]) -> ChatUser:
        profile = data.get("profile") or {}
        name = profile.get("display_name") or profile.get("real_name") or data.get("name") or data["id"]
        return ChatUser(
            id=str(data["id"]),
            name=str(name),
            timezone=str(data.get("tz") or "UTC"),
            is_bot=bool(data.get("is_bot")),
            is_guest=bool(data.get("is_restricted") or data.get("is_ultra_restricted")),
            is_stranger=self._is_stranger(data),
            is_deleted=bool(data.get("deleted")),
        )

    def _is_stranger(self, data: Mapping[str, Any]) -> bool:
        """Slack's own `is_stranger` leaves out people we share a channel with, so the workspace is compared; in an
        Enterprise organisation somebody can be a member of several."""
        if data.get("is_stranger"):
            return True
        ours = self._who_we_are().get("team_id")
        teams = (data.get("enterprise_user") or {}).get("teams") or []
        return data.get("team_id") != ours and ours not in teams

    def _pages(self, method: str, field: str, **arguments: Any) -> Iterator[Any]:
        cursor = None
        while True:
            answer = self._ask(method, cursor=cursor, **arguments)
            yield from answer[field]
            cursor = (answer.get("response_metadata") or {}).get("next_cursor")
            if not cursor:
                return

    @staticmethod
    def _existing(pages: Iterator[Any]) -> Iterator[Any]:
        """Nothing, where the thread itself is gone."""
        try:
            yield from pages
        except ServiceError as error:
            if not error.detail.startswith("thread_not_found"):
                raise

    def _ask(self, method: str, *, once: bool = False, **arguments: Any) -> dict[str, Any]:
        try:
            return (self._client.call_once if once else self._client.call)(method, **arguments)
        except SlackRefusal as refusal:
            raise refusal.error from None


def _metadata(key: str) -> dict[str, Any] | None:
    return {"event_type": EVENT_TYPE, "event_payload": {"key": key}} if key else None


def _content(method: str, message: Message) -> dict[str, Any]:
    try:
        text, blocks = to_slack(message)
    except SlackObjectFormationError as error:
        raise ServiceError("Slack", method, f"the message does not fit Slack: {error}") from error
    return {"text": text, "blocks": blocks}

"""Slack's Web API methods, as far as Tengu uses them, on the workspace in memory.

Each takes the call's arguments and answers as https://docs.slack.dev/reference/methods describes it, or raises
`SlackError`.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from tengu.sandbox.slack.limits import LIMITS, check_blocks, check_metadata
from tengu.sandbox.slack.workspace import APP_ID, BOT_ID, BOT_USER, TEAM, Channel, Person, StoredMessage, Workspace

Arguments = dict[str, Any]
Answer = dict[str, Any]
T = TypeVar("T")


class SlackError(Exception):
    """`{"ok": false, "error": code}` with more fields."""

    def __init__(self, code: str, **more: Any) -> None:
        super().__init__(code)
        self.answer: Answer = {"ok": False, "error": code, **more}


def auth_test(workspace: Workspace, _: Arguments) -> Answer:
    """Who the token belongs to."""
    return {"url": "https://sandbox.slack.test/", "team": "Sandbox", "user": "tengu", "team_id": TEAM,
            "user_id": BOT_USER, "bot_id": BOT_ID, "is_enterprise_install": False}  # fmt: skip


def chat_post_message(workspace: Workspace, call: Arguments) -> Answer:
    """A new message, in a thread with `thread_ts`."""
    channel = _channel(workspace, call, member=True)
    blocks, text = _content(call, "text of chat.postMessage")
    thread = str(call.get("thread_ts") or "")
    if thread and workspace.message(channel.id, thread) is None:
        raise SlackError("cannot_reply_to_message")
    message = StoredMessage(channel.id, "", BOT_USER, text, blocks, thread, _metadata(call))
    workspace.post(message)
    return {"channel": channel.id, "ts": message.ts, "message": _as_json(message)}


def chat_update(workspace: Workspace, call: Arguments) -> Answer:
    """Other content for a message of the bot's own."""
    channel = _channel(workspace, call)
    message = workspace.message(channel.id, str(call.get("ts")))
    if message is None:
        raise SlackError("message_not_found")
    if message.user != BOT_USER:
        raise SlackError("cant_update_message")
    if message.closed:
        raise SlackError("edit_window_closed")
    blocks, text = _content(call, "text of chat.update")
    message.edits.append((message.text, message.blocks))
    # "If you don't include [blocks], the message's previous blocks will be retained. To remove previous blocks,
    # include an empty array." https://docs.slack.dev/reference/methods/chat.update
    message.text, message.blocks = text, blocks if call.get("blocks") is not None else message.blocks
    message.metadata = _metadata(call) or message.metadata
    return {"channel": channel.id, "ts": message.ts, "text": text, "message": _as_json(message)}


def chat_post_ephemeral(workspace: Workspace, call: Arguments) -> Answer:
    """A message that one person sees."""
    channel = _channel(workspace, call, member=True)
    if call.get("user") not in channel.members:
        raise SlackError("user_not_in_channel")
    blocks, text = _content(call, "text of chat.postMessage")
    message = StoredMessage(channel.id, "", BOT_USER, text, blocks, only_for=str(call["user"]))
    return {"message_ts": workspace.post(message).ts}


def chat_get_permalink(workspace: Workspace, call: Arguments) -> Answer:
    """The address of a message."""
    channel = _channel(workspace, call)
    if workspace.message(channel.id, str(call.get("message_ts"))) is None:
        raise SlackError("message_not_found")
    path = f"{channel.id}/p{str(call['message_ts']).replace('.', '')}"
    return {"channel": channel.id, "permalink": f"https://sandbox.slack.test/archives/{path}"}


def conversations_open(workspace: Workspace, call: Arguments) -> Answer:
    """The bot's direct message with one person."""
    person = _person(workspace, str(call.get("users") or ""))
    if person.bot or person.deleted:
        raise SlackError("user_disabled" if person.deleted else "cannot_dm_bot")
    return {"channel": {"id": workspace.direct_message(person.id).id}}


def conversations_info(workspace: Workspace, call: Arguments) -> Answer:
    """One channel."""
    return {"channel": _channel_json(_channel(workspace, call))}


def conversations_list(workspace: Workspace, call: Arguments) -> Answer:
    """The channels that the bot can see."""
    types = str(call.get("types") or "public_channel").split(",")
    found = [channel for channel in workspace.channels.values() if not channel.user
             and ("private_channel" if channel.private else "public_channel") in types
             and (not channel.private or BOT_USER in channel.members)
             and not (channel.archived and _flag(call, "exclude_archived"))]  # fmt: skip
    page, cursor = _page(found, call)
    return {"channels": [_channel_json(channel) for channel in page], **cursor}


def conversations_members(workspace: Workspace, call: Arguments) -> Answer:
    """Who is in a channel."""
    channel = _channel(workspace, call)
    page, cursor = _page(channel.members, call)
    return {"members": page, **cursor}


def conversations_history(workspace: Workspace, call: Arguments) -> Answer:
    """A channel's messages without replies, newest first."""
    channel = _channel(workspace, call, member=True)
    found = [m for m in workspace.messages(channel.id) if not m.thread_ts and not m.only_for and _in_time(m, call)]
    page, cursor = _page(found[::-1], call)
    return {"messages": [_as_json(message, call) for message in page], "has_more": bool(cursor), **cursor}


def conversations_replies(workspace: Workspace, call: Arguments) -> Answer:
    """A thread: its first message, then its replies, oldest first."""
    channel = _channel(workspace, call, member=True)
    ts = str(call.get("ts"))
    parent = workspace.message(channel.id, ts)
    if parent is None:
        raise SlackError("thread_not_found")
    replies = [m for m in workspace.messages(channel.id) if m.thread_ts == ts and not m.only_for and _in_time(m, call)]
    page, cursor = _page([parent, *replies], call)
    return {"messages": [_as_json(message, call) for message in page], "has_more": bool(cursor), **cursor}


def users_info(workspace: Workspace, call: Arguments) -> Answer:
    """One person."""
    return {"user": _person_json(_person(workspace, str(call.get("user") or "")))}


def users_lookup_by_email(workspace: Workspace, call: Arguments) -> Answer:
    """The active person with that address."""
    email = str(call.get("email") or "").lower()
    for person in workspace.people.values():
        if email and person.email.lower() == email and not person.deleted:
            return {"user": _person_json(person)}
    raise SlackError("users_not_found")


def users_list(workspace: Workspace, call: Arguments) -> Answer:
    """Everybody."""
    page, cursor = _page(list(workspace.people.values()), call)
    return {"members": [_person_json(person) for person in page], **cursor}


def usergroups_users_list(workspace: Workspace, call: Arguments) -> Answer:
    """Who is in a user group."""
    group = str(call.get("usergroup"))
    if group not in workspace.groups:
        raise SlackError("no_such_subteam")
    return {"users": list(workspace.groups[group])}


METHODS: dict[str, tuple[str, Callable[[Workspace, Arguments], Answer]]] = {
    # method: (a scope that it needs, what it does)
    "auth.test": ("", auth_test),
    "chat.postMessage": ("chat:write", chat_post_message),
    "chat.update": ("chat:write", chat_update),
    "chat.postEphemeral": ("chat:write", chat_post_ephemeral),
    "chat.getPermalink": ("", chat_get_permalink),
    "conversations.open": ("im:write", conversations_open),
    "conversations.info": ("channels:read", conversations_info),
    "conversations.list": ("channels:read", conversations_list),
    "conversations.members": ("channels:read", conversations_members),
    "conversations.history": ("channels:history", conversations_history),
    "conversations.replies": ("channels:history", conversations_replies),
    "users.info": ("users:read", users_info),
    "users.lookupByEmail": ("users:read.email", users_lookup_by_email),
    "users.list": ("users:read", users_list),
    "usergroups.users.list": ("usergroups:read", usergroups_users_list),
}


def _content(call: Arguments, limit: str) -> tuple[list[dict[str, Any]], str]:
    blocks, text = call.get("blocks") or [], str(call.get("text") or "")
    if not blocks and not text:
        raise SlackError("no_text")
    if problem := check_blocks(blocks):
        code, messages = problem
        raise SlackError(code, errors=messages, response_metadata={"messages": [f"[ERROR] {m}" for m in messages]})
    most = LIMITS[limit].most
    if len(text) > most and limit == "text of chat.update":
        raise SlackError("msg_too_long")
    return blocks, text[:most]


def _metadata(call: Arguments) -> dict[str, Any] | None:
    metadata = call.get("metadata")
    if metadata is None:
        return None
    if code := check_metadata(metadata):
        raise SlackError(code)
    return dict(metadata)


def _channel(workspace: Workspace, call: Arguments, *, member: bool = False) -> Channel:
    channel = workspace.channel(str(call.get("channel") or ""))
    if channel is None or (channel.private and BOT_USER not in channel.members):
        raise SlackError("channel_not_found")
    if member and channel.archived:
        raise SlackError("is_archived")
    if member and BOT_USER not in channel.members:
        raise SlackError("not_in_channel")
    return channel


def _person(workspace: Workspace, user: str) -> Person:
    if user not in workspace.people:
        raise SlackError("user_not_found")
    return workspace.people[user]


def _flag(call: Arguments, name: str) -> bool:
    return str(call.get(name, "")).lower() in ("1", "true")


def _in_time(message: StoredMessage, call: Arguments) -> bool:
    """`oldest` and `latest` are exclusive unless `inclusive` is said."""
    ts, oldest, latest = float(message.ts), float(call.get("oldest") or 0), float(call.get("latest") or "inf")
    return oldest <= ts <= latest if _flag(call, "inclusive") else oldest < ts < latest


def _page(values: Sequence[T], call: Arguments) -> tuple[Sequence[T], Answer]:
    """https://docs.slack.dev/apis/web-api/pagination"""
    cursor = str(call.get("cursor") or "")
    try:
        start = int(base64.b64decode(cursor).decode().removeprefix("next:")) if cursor else 0
    except ValueError:
        raise SlackError("invalid_cursor") from None
    limit = min(int(call.get("limit") or 100), 1000)
    following = start + limit
    metadata = {"next_cursor": base64.b64encode(f"next:{following}".encode()).decode()}
    return values[start:following], {"response_metadata": metadata} if following < len(values) else {}


def _as_json(message: StoredMessage, call: Arguments | None = None) -> Answer:
    answer: Answer = {"type": "message", "user": message.user, "ts": message.ts, "text": message.text}
    if message.user == BOT_USER:
        answer |= {"bot_id": BOT_ID, "app_id": APP_ID}
    if message.blocks:
        answer["blocks"] = message.blocks
    if message.thread_ts:
        answer["thread_ts"] = message.thread_ts
    if message.metadata and call is not None and _flag(call, "include_all_metadata"):
        answer["metadata"] = message.metadata
    return answer


def _channel_json(channel: Channel) -> Answer:
    return {"id": channel.id, "name": channel.name, "is_private": channel.private, "is_archived": channel.archived,
            "is_im": bool(channel.user), "is_member": BOT_USER in channel.members}  # fmt: skip


def _person_json(person: Person) -> Answer:
    """People of other workspaces are known by their `team_id`; `is_stranger` only means "shares no channel"."""
    return {
        "id": person.id, "team_id": "T0ELSEWHERE" if person.stranger else TEAM, "name": person.name,
        "deleted": person.deleted, "tz": person.tz, "is_bot": person.bot, "is_stranger": False,
        "is_restricted": person.guest, "is_ultra_restricted": False,
        "profile": {"display_name": person.name, "real_name": person.name, "email": person.email},
    }  # fmt: skip

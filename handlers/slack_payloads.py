"""What Slack sends, cut down to the small JSON that is stored.

Shapes: https://docs.slack.dev/reference/events/app_mention , /message.im ,
https://docs.slack.dev/interactivity/implementing-slash-commands and
https://docs.slack.dev/reference/interaction-payloads/block_actions-payload
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Receive = Callable[[str, str, Mapping[str, Any]], bool]
_LONGEST_TEXT = 4_000


class Malformed(Exception):
    """The request is signed, but is not what its type promises."""


@dataclass(frozen=True)
class Stored:
    """What becomes a row.

    Args:
        kind: `slack.command`: {text, user, channel, channel_type: channel | im, thread_ts, message_ts,
            source: mention | slash | dm, team}; `slack.action`: {action, value, user, channel, message_ts, team}.
    """

    key: str
    kind: str
    payload: Mapping[str, str]


def check_shape(content: Any) -> None:
    """Raises Malformed for a parsed body that no kind of request of Slack's has."""
    if not isinstance(content, dict):
        raise Malformed("the body is neither a JSON object nor a form with fields")
    if not ({"command", "ssl_check"} & content.keys() or isinstance(content.get("type"), str)):
        raise Malformed("it says neither type nor command")
    if content.get("type") == "event_callback":
        _text(_event(content), "type")
        _text(content, "event_id")


def read_mention(body: Mapping[str, Any]) -> Stored | None:
    """An `app_mention`; None for those of apps, of edits, and in direct messages (which come as `message` too)."""
    event = _event(body)
    channel = _text(event, "channel")
    if _is_not_a_new_message_of_a_person(event) or channel.startswith("D"):
        return None
    return _command(body, event, channel, "channel", "mention")


def read_message(body: Mapping[str, Any]) -> Stored | None:
    """A `message.im`; None for every other message event."""
    event = _event(body)
    if event.get("channel_type") != "im" or _is_not_a_new_message_of_a_person(event):
        return None
    return _command(body, event, _text(event, "channel"), "im", "dm")


def read_slash(body: Mapping[str, Any]) -> Stored:
    """A slash command."""
    channel = _text(body, "channel_id")
    payload = {
        "text": _clean(body.get("text"))[:_LONGEST_TEXT],
        "user": _text(body, "user_id"),
        "channel": channel,
        "channel_type": "im" if channel.startswith("D") else "channel",
        "thread_ts": "",
        "message_ts": "",
        "source": "slash",
        "team": _clean(body.get("team_id")),
    }
    return Stored(f"slash:{_text(body, 'trigger_id')}", "slack.command", payload)


def read_action(body: Mapping[str, Any]) -> Stored | None:
    """A pressed button; None where there is none in it. `verify#2`, the second button of its kind, is `verify`."""
    actions = body.get("actions")
    action = actions[0] if isinstance(actions, list) and actions else None
    if not isinstance(action, dict):
        raise Malformed("a block_actions payload lacks its action")
    user = _text(_mapping(body, "user"), "id")
    container = _mapping(body, "container")
    unique = _clean(body.get("trigger_id")) or f"{_text(action, 'action_ts')}+{user}"
    payload = {
        "action": _text(action, "action_id").partition("#")[0],
        "value": _clean(action.get("value")),
        "user": user,
        "channel": _clean(container.get("channel_id")) or _text(_mapping(body, "channel"), "id"),
        "message_ts": _clean(container.get("message_ts")),
        "team": _clean((body.get("team") or {}).get("id")),
    }
    return Stored(f"action:{unique}", "slack.action", payload)


def _command(body: Mapping[str, Any], event: Mapping[str, Any], channel: str, where: str, source: str) -> Stored:
    payload = {
        "text": _clean(event.get("text"))[:_LONGEST_TEXT],
        "user": _text(event, "user"),
        "channel": channel,
        "channel_type": where,
        "thread_ts": _clean(event.get("thread_ts")),
        "message_ts": _text(event, "ts"),
        "source": source,
        "team": _clean(body.get("team_id")),
    }
    return Stored(_text(body, "event_id"), "slack.command", payload)


def _event(body: Mapping[str, Any]) -> Mapping[str, Any]:
    return _mapping(body, "event")


def _is_not_a_new_message_of_a_person(event: Mapping[str, Any]) -> bool:
    """Messages of apps, our own among them, have a `bot_id`; edits, deletions and joins a `subtype`; an edit that
    adds a mention comes with `edited`."""
    return any(event.get(name) for name in ("bot_id", "bot_profile", "subtype", "edited", "hidden"))


def _mapping(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = data.get(name)
    if not isinstance(value, dict):
        raise Malformed(f"it lacks {name}")
    return value


def _text(data: Mapping[str, Any], name: str) -> str:
    value = _clean(data.get(name))
    if not value:
        raise Malformed(f"it lacks {name}")
    return value


def _clean(value: Any) -> str:
    """Text that a database takes: no NUL, no half of a surrogate pair; anything but text is nothing."""
    if not isinstance(value, str):
        return ""
    return value.replace("\x00", "").encode("utf-8", "replace").decode()

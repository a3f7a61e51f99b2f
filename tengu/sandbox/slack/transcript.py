"""A channel as lines somebody can read."""

from __future__ import annotations

import re

from tengu.sandbox.slack.workspace import StoredMessage, Workspace

_BRACKETED = re.compile(r"<([@#!]?)([^<>|]*)(?:\|([^<>]*))?>")


def transcript(workspace: Workspace, channel: str) -> list[str]:
    """`who: text` for each message of the channel, thread replies indented under theirs."""
    messages = workspace.messages(channel)
    lines: list[str] = []
    known = {message.ts for message in messages}
    for message in messages:
        if message.thread_ts in known:
            continue
        lines += _lines(workspace, message, "")
        for reply in messages:
            if reply.thread_ts == message.ts and reply is not message:
                lines += _lines(workspace, reply, "    ")
    return lines


def _lines(workspace: Workspace, message: StoredMessage, indent: str) -> list[str]:
    person = workspace.people.get(message.user)
    who = person.name if person else message.user
    whom = f" (only {_name(workspace, message.only_for)} sees this)" if message.only_for else ""
    times = f" (edited {len(message.edits)}×)" if message.edits else ""  # noqa: RUF001  # the sign for "times"
    first, *rest = (readable(workspace, message.shown()) or "(empty)").split("\n")
    return [f"{indent}{who}{whom}: {first}{times}", *(f"{indent}    {line}" for line in rest)]


def readable(workspace: Workspace, text: str) -> str:
    """mrkdwn as Slack would show it, without its emphasis."""

    def unwrap(match: re.Match[str]) -> str:
        sigil, target, label = match[1], match[2], match[3]
        if sigil == "@":
            return "@" + _name(workspace, target)
        if sigil == "#":
            channel = workspace.channels.get(target)
            return "#" + (channel.name if channel else label or target)
        if sigil == "!":
            return label or "@" + target.partition("^")[0]
        return f"{label} ({target})" if label else target

    plain = _BRACKETED.sub(unwrap, text).replace("\u200b", "")
    return plain.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _name(workspace: Workspace, user: str) -> str:
    person = workspace.people.get(user)
    return person.name if person else user

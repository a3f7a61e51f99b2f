"""A message value as Slack's text and blocks, kept within Slack's limits.

Limits: https://docs.slack.dev/reference/block-kit/blocks , and what slack_sdk's models check. Two that they do not
check: `action_id` must be unique within a block, and all blocks together may hold about 13,200 characters
(`msg_blocks_too_long`, https://github.com/slackapi/bolt-js/issues/2509).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from slack_sdk.models.blocks import ActionsBlock, Block, ButtonElement, ConfirmObject, ContextBlock, SectionBlock
from slack_sdk.models.blocks.basic_components import MarkdownTextObject, PlainTextObject

from tengu.domain import message as value

MAX_TEXT = 4_000  # chat.update refuses more; longer texts become sections
_MAX_BLOCKS = 50
_MAX_CHARACTERS = 11_000  # of all blocks as JSON; rejections were reported from 11,341 on (bolt-js#2867)
_MAX_SECTION = 3_000
_MAX_CONTEXT = 2_000  # a text object takes 3,000; small print longer than this is none
_MAX_BUTTONS = 25
_MAX_VALUE = 2_000
_LEFT_OUT = "_The rest of this message was too long for Slack and is left out._"


def to_slack(message: value.Message) -> tuple[str, list[dict[str, Any]]]:
    """The text (4,000 characters at most) and the blocks (none if the text alone says it all)."""
    parts = message.blocks or ((value.Section(message.text),) if len(message.text) > MAX_TEXT else ())
    names = _ActionIds()
    blocks = [block.to_dict() for part in parts for block in _blocks(part, names)]
    return shorten(message.text, MAX_TEXT), _fit(blocks)


def split(text: str, limit: int) -> list[str]:
    """Pieces of at most `limit` characters, cut at line ends, else at spaces, else anywhere."""
    pieces, rest = [], text.strip("\n")
    while len(rest) > limit:
        cut = max(rest.rfind("\n", 1, limit + 1), 0) or max(rest.rfind(" ", 1, limit + 1), 0) or limit
        pieces.append(rest[:cut])
        rest = rest[cut:].lstrip("\n")
    return [piece for piece in (*pieces, rest) if piece.strip()]


def shorten(text: str, limit: int) -> str:
    """The text, or as much of it as fits with `…` at its end."""
    if len(text) <= limit:
        return text
    return "".join(split(text, limit - 1)[:1]) + "…"


class _ActionIds:
    """`verify`, `verify#2`, `verify#3`: action ids unique in the message, the action still readable."""

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}

    def unique(self, action: str) -> str:
        self._seen[action] = self._seen.get(action, 0) + 1
        return action if self._seen[action] == 1 else f"{action}#{self._seen[action]}"


def _blocks(part: value.Block, names: _ActionIds) -> Iterator[Block]:
    match part:
        case value.Section(text):
            for piece in split(text, _MAX_SECTION):
                yield SectionBlock(text=_mrkdwn(piece))
        case value.Context(text):
            if text.strip():
                yield ContextBlock(elements=[_mrkdwn(shorten(text, _MAX_CONTEXT))])
        case value.Buttons(buttons):
            for start in range(0, len(buttons), _MAX_BUTTONS):
                row = buttons[start : start + _MAX_BUTTONS]
                yield ActionsBlock(elements=[_button(button, names) for button in row])


def _mrkdwn(text: str) -> MarkdownTextObject:
    """`verbatim`: nothing in it becomes a link or a mention that is not written as one."""
    return MarkdownTextObject(text=text, verbatim=True)


def _button(button: value.Button, names: _ActionIds) -> ButtonElement:
    confirm = None
    if button.confirm:
        confirm = ConfirmObject(
            title=PlainTextObject(text="Are you sure?"),
            text=PlainTextObject(text=shorten(button.confirm, 300)),
            confirm=PlainTextObject(text=shorten(button.label, 30)),
            deny=PlainTextObject(text="No"),
        )
    return ButtonElement(
        text=PlainTextObject(text=shorten(button.label, 75), emoji=True),
        action_id=names.unique(button.action),
        value=button.value[:_MAX_VALUE] or None,
        url=button.url,
        style=button.style,
        confirm=confirm,
    )


def _fit(blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """As many blocks as Slack takes; the buttons at the end stay, and what is left out is said."""
    if len(blocks) <= _MAX_BLOCKS and _characters(blocks) <= _MAX_CHARACTERS:
        return blocks
    note = SectionBlock(text=_mrkdwn(_LEFT_OUT)).to_dict()
    tail = [note, *([blocks[-1]] if blocks[-1]["type"] == "actions" else [])]
    kept: list[dict[str, Any]] = []
    for block in blocks:
        if len(kept) + len(tail) + 1 > _MAX_BLOCKS or _characters([*kept, block, *tail]) > _MAX_CHARACTERS:
            break
        kept.append(block)
    return kept + tail


def _characters(blocks: list[dict[str, Any]]) -> int:
    return len(json.dumps(blocks, ensure_ascii=False))

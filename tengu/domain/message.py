"""A chat message as a value: what it says, before any chat service's format.

`text` and every block's text are Slack mrkdwn; text from people goes through `tengu.domain.text.mrkdwn` first.
Values turn into plain JSON and back, so that the outbox can keep them.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Section:
    """A paragraph. Longer than Slack's 3,000 characters: the adapter splits it at line ends."""

    text: str


@dataclass(frozen=True)
class Context:
    """Small print."""

    text: str


@dataclass(frozen=True)
class Button:
    """A button.

    Args:
        label: what it says, 75 characters at most.
        action: stable action name that comes back when it is pressed (`verify`); with `url`, only for statistics.
        value: what the action is about, 2,000 characters at most.
        url: opens this address instead.
        style: how it looks.
        confirm: a question asked before it counts.
    """

    label: str
    action: str
    value: str = ""
    url: str | None = None
    style: Literal["primary", "danger"] | None = None
    confirm: str | None = None


@dataclass(frozen=True)
class Buttons:
    """A row of buttons, 25 at most."""

    buttons: tuple[Button, ...]


Block = Section | Context | Buttons
_KINDS: dict[str, type[Section] | type[Context]] = {"section": Section, "context": Context}


@dataclass(frozen=True)
class Message:
    """One message.

    Args:
        text: the whole message in mrkdwn for notifications, search and screen readers.
        blocks: how it is laid out; empty means the text alone.
    """

    text: str
    blocks: tuple[Block, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """A JSON object that `from_json` reads back."""
        return {"text": self.text, "blocks": [_block_to_json(block) for block in self.blocks]}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Message:
        """Read back what `to_json` wrote."""
        return cls(data["text"], tuple(_block_from_json(block) for block in data["blocks"]))


def _block_to_json(block: Block) -> dict[str, Any]:
    return {"type": type(block).__name__.lower(), **asdict(block)}


def _block_from_json(data: dict[str, Any]) -> Block:
    if data["type"] == "buttons":
        return Buttons(tuple(Button(**button) for button in data["buttons"]))
    return _KINDS[data["type"]](data["text"])

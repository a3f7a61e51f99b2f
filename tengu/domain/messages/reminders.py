"""Reminders: what somebody whose boxes are open reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from tengu.domain.message import Block, Button, Buttons, Context, Message, Section
from tengu.domain.messages.words import link, plural, when
from tengu.domain.text import mrkdwn

SHOWN = 20


@dataclass(frozen=True)
class OpenBox:
    """One box: the merged pull request's number and title, and where it is."""

    number: int
    title: str
    url: str


@dataclass(frozen=True)
class Asked:
    """Where the boxes are.

    Args:
        url: the deployment pull request's.
        is_deployed: True once it was merged and its deployment succeeded.
    """

    app: str
    environment: str
    number: int
    url: str
    is_deployed: bool


def ping(asked: Asked, boxes: Sequence[OpenBox], person: str = "") -> Message:
    """One reminder with all of a person's boxes; `person` is said first where it is not a direct message."""
    where, count = f"*{asked.app} {asked.environment}*", plural(len(boxes), "change")
    be = "is" if len(boxes) == 1 else "are"
    state = f"{be} live in" if asked.is_deployed else f"{be} about to be deployed to"
    intro = f"{count} of yours {state} {where} and not verified yet:"
    text = f"{person + ': ' if person else ''}{intro}"
    blocks: list[Block] = [Section(f"{text}\n{_list(boxes)}")]
    blocks.append(Buttons(tuple(_verify(box) for box in boxes[:5])))
    blocks.append(
        Context(
            f"Tick your box in {link(asked.url, f'#{asked.number}')}, press a button, or write `{_command(boxes)}`."
        )
    )
    return Message(f"{text} {', '.join(f'#{box.number}' for box in boxes)}", tuple(blocks))


def summary(asked: Asked, boxes: Sequence[OpenBox], since: datetime, person: str = "") -> Message:
    """The last word: after this, silence."""
    who = f"{person}: " if person else ""
    return Message(
        f"{who}{plural(len(boxes), 'change')} of yours in *{asked.app} {asked.environment}* stayed unverified since "
        f"{when(since)}. I will not remind you of these again:\n{_list(boxes)}\n"
        f"You can still verify with `{_command(boxes)}`."
    )


def _list(boxes: Sequence[OpenBox]) -> str:
    lines = [f"• {link(box.url, f'#{box.number}')} {mrkdwn(box.title)}" for box in boxes[:SHOWN]]
    if len(boxes) > SHOWN:
        lines.append(f"… and {len(boxes) - SHOWN} more")
    return "\n".join(lines)


def _command(boxes: Sequence[OpenBox]) -> str:
    return "@tengu verify " + " ".join(f"#{box.number}" for box in boxes[:5])


def _verify(box: OpenBox) -> Button:
    return Button(f"Verified #{box.number}", "command", f"verify #{box.number}")

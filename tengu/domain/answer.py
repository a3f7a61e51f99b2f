"""What a command answers, before it becomes a Slack message, terminal lines or JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tengu.domain.message import Button, Buttons, Message, Section


@dataclass(frozen=True)
class Answer:
    """The answer to one command.

    Args:
        text: mrkdwn.
        data: the same as JSON, where the command has a `--json`.
        question: asked before the command is carried out; nothing has been done yet. Empty if it was.
        command: what carries it out once the question is answered with yes.
    """

    text: str
    data: Any = None
    question: str = ""
    command: str = ""
    buttons: tuple[Button, ...] = ()

    def to_message(self) -> Message:
        """As a Slack message; a question gets a button that answers it."""
        buttons = self.buttons
        if self.question:
            buttons = (*buttons, Button("Yes, do it", "confirmed", self.command, style="primary"))
        if not buttons:
            return Message(self.text)
        return Message(self.text, (Section(self.text), Buttons(buttons)))

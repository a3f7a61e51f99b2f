"""Prints what happens in the sandbox's Slack as it happens: new messages whole, edited ones by their changed lines."""

from __future__ import annotations

import time
from collections.abc import Callable

from tengu.sandbox.slack import SlackStandIn, StoredMessage
from tengu.sandbox.slack.transcript import readable

Say = Callable[[str], None]


class Follower:
    """Remembers what it has printed.

    Args:
        say: prints one line.
    """

    def __init__(self, slack: SlackStandIn, say: Say) -> None:
        self._slack = slack
        self._say = say
        self._shown: dict[tuple[str, str], list[str]] = {}

    def until(self, condition: Callable[[], bool], timeout: float, what: str) -> None:
        """Print until it holds.

        Raises:
            TimeoutError: it did not within `timeout` seconds; says what was waited for.
        """
        deadline = time.monotonic() + timeout
        while True:
            holds = condition()
            self.show()
            if holds:
                return
            if time.monotonic() > deadline:
                raise TimeoutError(f"waited {timeout:.0f} s for {what}, in vain")
            time.sleep(0.2)

    def show(self) -> None:
        """Print what is new."""
        for message in list(self._slack.workspace.posted):
            self._show(message)

    def _show(self, message: StoredMessage) -> None:
        key = (message.channel, message.ts)
        lines = readable(self._slack.workspace, message.shown()).splitlines()
        before = self._shown.get(key)
        if before == lines:
            return
        self._shown[key] = lines
        if before is None:
            self._say(f"{self._place(message)} {self._name(message.user)}: {lines[0] if lines else ''}")
            rest = lines[1:]
        else:
            rest = [line for line in lines if line not in before]
        for line in rest:
            self._say(f"    {line}")

    def _place(self, message: StoredMessage) -> str:
        channel = self._slack.workspace.channels[message.channel]
        name = f"DM to {self._name(channel.user)}" if channel.user else f"#{channel.name}"
        return f"[{name}, thread]" if message.thread_ts and message.thread_ts != message.ts else f"[{name}]"

    def _name(self, user: str) -> str:
        person = self._slack.workspace.people.get(user)
        return person.name if person else user

"""What a stored Slack command or button press makes Tengu do, and how it is answered."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tengu.config.model import Settings
from tengu.domain.command import ParsedCommand, Reply, parse
from tengu.domain.message import Message
from tengu.domain.messages import problems
from tengu.domain.people import Actor
from tengu.errors import Refused, ServiceError
from tengu.ports.store import Destination, Inbound, Outbox
from tengu.usecases.run_command import Asked, RunCommand

log = logging.getLogger(__name__)
TRIES = 4  # a service that is away is asked again for a few minutes, then the person is told to ask again


@dataclass(frozen=True)
class HandleSlack:
    """Runs a command and wants its answer; running it again changes nothing, the answer has one key."""

    settings: Settings
    run: RunCommand
    outbox: Outbox

    def command(self, inbound: Inbound) -> None:
        """A mention, a slash command or a direct message."""
        payload = inbound.payload
        self._answer(inbound, payload["text"], _destination(payload, self._channel(payload)), confirmed=False)

    def action(self, inbound: Inbound) -> None:
        """A button: its value is a command."""
        payload = inbound.payload
        if payload["action"] not in ("command", "confirmed"):
            return
        thread = payload.get("message_ts", "") if not payload["channel"].startswith("D") else ""
        destination = Destination(channel=payload["channel"], thread_ts=thread)
        self._answer(inbound, payload["value"], destination, confirmed=payload["action"] == "confirmed")

    def apologise(self, inbound: Inbound, reference: str) -> None:
        """Something unexpected happened: tell whoever asked, with what finds it in the log."""
        if inbound.kind == "slack.command":
            destination = _destination(inbound.payload, str(inbound.payload["channel"]))
            self.outbox.put(f"reply:{inbound.key}", destination, problems.unexpected(reference))

    def _answer(self, inbound: Inbound, text: str, destination: Destination, *, confirmed: bool) -> None:
        key = f"reply:{inbound.key}"
        message = self._run(inbound, text, key, confirmed=confirmed)
        self.outbox.put(key, destination, message)

    def _run(self, inbound: Inbound, text: str, key: str, *, confirmed: bool) -> Message:
        payload = inbound.payload
        try:
            command = self._parse(text)
            if isinstance(command, Reply):
                return Message(command.text)
            actor = Actor("slack", payload["user"])
            channel = payload["channel"] if payload.get("channel_type") != "im" else ""
            return self.run(Asked(command, actor, channel, confirmed, key)).to_message()
        except Refused as refusal:
            return problems.refused(refusal)
        except ServiceError as error:
            if error.transient and inbound.attempts < TRIES:
                self.outbox.put(key, _destination(payload, self._channel(payload)), problems.trying_again(error))
                raise
            log.warning("%s could not be done: %s", text, error)
            return problems.service_failed(error)

    def _parse(self, text: str) -> ParsedCommand | Reply:
        return parse(text, self.run.names())

    def _channel(self, payload: Mapping[str, Any]) -> str:
        """A slash command is answered in its app's channel, since only mentions have a message to thread under."""
        if payload.get("source") != "slash":
            return str(payload["channel"])
        if self.run.channels.apps_of(payload["channel"]):
            return str(payload["channel"])
        words = payload["text"].split()
        named = next((app for app in self.settings.apps if app in words), next(iter(self.settings.apps)))
        return self.settings.apps[named].channel


def _destination(payload: Mapping[str, Any], channel: str) -> Destination:
    if payload.get("source") == "slash":
        return Destination(channel=channel)
    thread = payload.get("thread_ts") or ("" if payload.get("channel_type") == "im" else payload.get("message_ts", ""))
    return Destination(channel=channel, thread_ts=thread)

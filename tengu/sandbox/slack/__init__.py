"""Slack on this machine: the Web API, signed events from people who talk, and Slack's limits."""

from __future__ import annotations

import json

from tengu.sandbox.faults import App, Fault, Faults, Scope
from tengu.sandbox.server import Server
from tengu.sandbox.slack.people import Delivery, People
from tengu.sandbox.slack.transcript import transcript
from tengu.sandbox.slack.web_api import WebApi
from tengu.sandbox.slack.workspace import Channel, Person, StoredMessage, Workspace

__all__ = ["Channel", "Delivery", "Person", "SlackStandIn", "StoredMessage"]


class SlackStandIn:
    """The stand-in: `with SlackStandIn() as slack:` serves it on a free loopback port.

    Give Tengu `slack.api_url`, `workspace.BOT_TOKEN` and `workspace.SIGNING_SECRET`, then say where Tengu listens:
    `slack.people.url = "http://127.0.0.1:3000/slack/events"`.
    """

    def __init__(self, port: int = 0) -> None:
        self.workspace = Workspace()
        self.web_api = WebApi(self.workspace)
        self.people = People(self.workspace)
        self.faults = Faults(_asgi(self.web_api), _method)
        self._server = Server(self.faults, port)
        self.url = self._server.url
        self.api_url = f"{self.url}/api/"

    def __enter__(self) -> SlackStandIn:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop()

    def reset(self) -> None:
        """An empty workspace, as at the start."""
        self.workspace.clear()
        self.web_api.missing_scopes.clear()
        self.people.deliveries.clear()
        self.faults.clear()

    def say(self, user: str, channel: str, text: str, thread: str | None = None) -> Delivery:
        """Somebody writes in a channel (`@tengu` mentions)."""
        return self.people.say(user, channel, text, thread)

    def dm(self, user: str, text: str) -> Delivery:
        """Somebody writes to Tengu directly."""
        return self.people.dm(user, text)

    def slash(self, user: str, channel: str, text: str) -> Delivery:
        """Somebody types `/tengu text`."""
        return self.people.slash(user, channel, text)

    def press(self, user: str, channel: str, ts: str, action_id: str, value: str | None = None) -> Delivery:
        """Somebody presses a button."""
        return self.people.press(user, channel, ts, action_id, value)

    def transcript(self, channel: str) -> list[str]:
        """The channel as readable lines, threads indented."""
        return transcript(self.workspace, channel)

    def messages(self, channel: str) -> tuple[StoredMessage, ...]:
        """All messages of a channel."""
        return self.workspace.messages(channel)

    def rate_limit(self, method: str, seconds: int, times: int = 1) -> None:
        """Answer 429 the next times. https://docs.slack.dev/apis/web-api/rate-limits"""
        body = json.dumps({"ok": False, "error": "ratelimited"}).encode()
        self.faults.add(Fault(method, 429, body, {"Retry-After": str(seconds)}, times))


def _asgi(web_api: WebApi) -> App:
    return web_api.create_app()  # type: ignore[return-value]  # Starlette's types are looser than ours


def _method(scope: Scope, _body: bytes) -> str:
    return str(scope["path"]).removeprefix("/api/")

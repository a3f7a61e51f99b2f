"""What people do in Slack: each act becomes a signed request to Tengu, as Slack would send it.

Signature: https://docs.slack.dev/authentication/verifying-requests-from-slack ; events: https://docs.slack.dev/apis/events-api
"""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import httpx

from tengu.sandbox.slack.workspace import APP_ID, BOT_USER, SIGNING_SECRET, TEAM, StoredMessage, Workspace

SECONDS_TO_ANSWER = 3.0


@dataclass
class Delivery:
    """One request to Tengu and how it answered.

    Args:
        ts: timestamp of the message that caused it, if one did.
        status: 0 if there was no answer.
        slow: True if Slack would have given up after 3 seconds.
    """

    body: bytes
    content_type: str
    ts: str = ""
    status: int = 0
    answer: str = ""
    seconds: float = 0
    done: threading.Event = field(default_factory=threading.Event)

    @property
    def slow(self) -> bool:
        """Slack shows people an error, or sends the event again, after 3 seconds."""
        return self.seconds > SECONDS_TO_ANSWER


def signed_headers(body: bytes, secret: str = SIGNING_SECRET, at: float | None = None) -> dict[str, str]:
    """Slack's two headers for that body."""
    timestamp = str(int(time.time() if at is None else at))
    digest = hmac.new(secret.encode(), b"v0:" + timestamp.encode() + b":" + body, hashlib.sha256).hexdigest()
    return {"X-Slack-Request-Timestamp": timestamp, "X-Slack-Signature": f"v0={digest}"}


class People:
    """Acts for the people of a workspace.

    Args:
        url: Tengu's `/slack/events`; set it before somebody speaks.
        background: True sends from a thread of its own and returns at once, as Slack does.
    """

    def __init__(self, workspace: Workspace) -> None:
        self.url = ""
        self.background = False
        self.deliveries: list[Delivery] = []
        self._workspace = workspace
        self._client = httpx.Client(timeout=30, trust_env=False, limits=httpx.Limits(max_keepalive_connections=0))
        self._numbers = itertools.count(1)
        self._run = f"{int(time.time() * 1000):x}".upper()

    def say(self, user: str, channel: str, text: str, thread: str | None = None) -> Delivery:
        """Somebody writes in a channel. `@tengu` becomes a mention; only a mention is told to Tengu."""
        text = text.replace("@tengu", f"<@{BOT_USER}>")
        message = self._workspace.post(StoredMessage(channel, "", user, text, thread_ts=thread or ""))
        if f"<@{BOT_USER}>" not in text or BOT_USER not in self._workspace.channels[channel].members:
            return Delivery(b"", "", message.ts, status=200)
        return self._event(message, {"type": "app_mention"})

    def dm(self, user: str, text: str, thread: str | None = None) -> Delivery:
        """Somebody writes to Tengu directly."""
        channel = self._workspace.direct_message(user)
        text = text.replace("@tengu", f"<@{BOT_USER}>")
        message = self._workspace.post(StoredMessage(channel.id, "", user, text, thread_ts=thread or ""))
        return self._event(message, {"type": "message", "channel_type": "im"})

    def slash(self, user: str, channel: str, text: str) -> Delivery:
        """Somebody types `/tengu text`; the answer is shown to them alone."""
        name = self._workspace.channels[channel].name
        form = {
            "token": "legacy", "team_id": TEAM, "team_domain": "sandbox", "channel_id": channel, "channel_name": name,
            "user_id": user, "user_name": self._workspace.people[user].name, "command": "/tengu", "text": text,
            "api_app_id": APP_ID, "is_enterprise_install": "false", "trigger_id": self._id("TR"),
            "response_url": "https://hooks.slack.test/commands/none",
        }  # fmt: skip
        delivery = Delivery(urlencode(form).encode(), "application/x-www-form-urlencoded")
        return self._send(delivery, lambda: self._show_answer(delivery, channel, user))

    def press(self, user: str, channel: str, ts: str, action_id: str, value: str | None = None) -> Delivery:
        """Somebody presses a button, named by its action id (and its value, where several have the same action)."""
        message = self._workspace.message(channel, ts)
        if message is None:
            raise KeyError(f"there is no message {ts} in {channel}")
        block, button = _button(message, action_id, value)
        action = {"type": "button", "action_id": button["action_id"], "block_id": block.get("block_id", "b1"),
                  "text": button["text"], "value": button.get("value", ""),
                  "action_ts": f"{time.time():.6f}"}  # fmt: skip
        payload = {
            "type": "block_actions", "user": {"id": user, "username": self._workspace.people[user].name,
                                              "team_id": TEAM},
            "api_app_id": APP_ID, "token": "legacy", "team": {"id": TEAM, "domain": "sandbox"}, "enterprise": None,
            "container": {"type": "message", "message_ts": ts, "channel_id": channel, "is_ephemeral": False},
            "trigger_id": self._id("TR"), "is_enterprise_install": False,
            "channel": {"id": channel, "name": self._workspace.channels[channel].name},
            "message": {"ts": ts, "text": message.text, "user": message.user}, "actions": [action],
        }  # fmt: skip
        body = urlencode({"payload": json.dumps(payload)}).encode()
        return self._send(Delivery(body, "application/x-www-form-urlencoded", ts))

    def resend(self, delivery: Delivery, number: int = 1, reason: str = "http_timeout") -> Delivery:
        """Slack sends the same event again. https://docs.slack.dev/apis/events-api#retries"""
        again = Delivery(delivery.body, delivery.content_type, delivery.ts)
        return self._send(again, retry={"X-Slack-Retry-Num": str(number), "X-Slack-Retry-Reason": reason})

    def _event(self, message: StoredMessage, more: dict[str, Any]) -> Delivery:
        event = {"user": message.user, "text": message.text, "ts": message.ts, "channel": message.channel,
                 "event_ts": message.ts, "team": TEAM, **more}  # fmt: skip
        if message.thread_ts:
            event["thread_ts"] = message.thread_ts
        envelope = {
            "token": "legacy", "team_id": TEAM, "api_app_id": APP_ID, "event": event, "type": "event_callback",
            "event_id": self._id("Ev"), "event_time": int(float(message.ts)), "is_ext_shared_channel": False,
            "authorizations": [{"enterprise_id": None, "team_id": TEAM, "user_id": BOT_USER, "is_bot": True,
                                "is_enterprise_install": False}],
        }  # fmt: skip
        return self._send(Delivery(json.dumps(envelope).encode(), "application/json", message.ts))

    def _send(
        self, delivery: Delivery, after: Callable[[], None] | None = None, retry: dict[str, str] | None = None
    ) -> Delivery:
        self.deliveries.append(delivery)

        def send() -> None:
            self._request(delivery, retry or {})
            if after is not None:
                after()
            delivery.done.set()

        if self.background:
            threading.Thread(target=send, name="slack-delivery", daemon=True).start()
        else:
            send()
        return delivery

    def _request(self, delivery: Delivery, retry: dict[str, str]) -> None:
        headers = {"Content-Type": delivery.content_type, **signed_headers(delivery.body), **retry}
        started = time.monotonic()
        try:
            response = self._client.post(self.url, content=delivery.body, headers=headers)
            delivery.status, delivery.answer = response.status_code, response.text
        except httpx.TransportError as error:
            delivery.answer = str(error)
        delivery.seconds = time.monotonic() - started

    def _show_answer(self, delivery: Delivery, channel: str, user: str) -> None:
        if delivery.status != 200 or not delivery.answer:
            return
        answer: dict[str, Any] = (
            json.loads(delivery.answer) if delivery.answer.startswith("{") else {"text": delivery.answer}
        )
        only_for = "" if answer.get("response_type") == "in_channel" else user
        self._workspace.post(StoredMessage(channel, "", BOT_USER, answer.get("text", ""), answer.get("blocks", []),
                                           only_for=only_for))  # fmt: skip

    def _id(self, prefix: str) -> str:
        return f"{prefix}{self._run}{next(self._numbers)}"


def _button(message: StoredMessage, action_id: str, value: str | None) -> tuple[dict[str, Any], dict[str, Any]]:
    buttons = [(block, element) for block in message.blocks if block["type"] == "actions"
               for element in block["elements"]]  # fmt: skip
    for block, button in buttons:
        same = button["action_id"] == action_id or button["action_id"].partition("#")[0] == action_id
        if same and value in (None, button.get("value")):
            return block, button
    there = [(button["action_id"], button.get("value")) for _, button in buttons]
    raise KeyError(f"no button {action_id!r} with value {value!r} in {message.ts}; there are {there}")

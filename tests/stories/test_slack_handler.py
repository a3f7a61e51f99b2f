"""POST /slack/events: what is stored before the answer, and what bad input gets."""

from __future__ import annotations

import http.client
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from fastapi import FastAPI

from handlers.slack import create_slack_router
from tengu.errors import ServiceError
from tengu.sandbox.server import Server
from tengu.sandbox.slack import Person, SlackStandIn
from tengu.sandbox.slack.people import signed_headers
from tengu.sandbox.slack.workspace import BOT_ID, BOT_USER, SIGNING_SECRET
from tengu.secret import Secret

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


@dataclass
class Inbox:
    """Rows by key; can be away."""

    rows: dict[str, tuple[str, Mapping[str, Any]]] = field(default_factory=dict)
    error: Exception | None = None
    before: Callable[[], None] = lambda: None

    def receive(self, key: str, kind: str, payload: Mapping[str, Any]) -> bool:
        self.before()
        if self.error is not None:
            raise self.error
        is_new = key not in self.rows
        self.rows.setdefault(key, (kind, payload))
        json.dumps(payload).encode()
        return is_new

    def only(self) -> tuple[str, Mapping[str, Any]]:
        (row,) = self.rows.values()
        return row


@pytest.fixture(scope="module")
def tengu() -> Iterator[tuple[Server, Inbox]]:
    """One server for all tests; the inbox is emptied for each."""
    inbox = Inbox()
    app = FastAPI()
    app.include_router(create_slack_router(Secret(SIGNING_SECRET), inbox.receive))
    with Server(app) as server:
        yield server, inbox


@pytest.fixture
def inbox(tengu: tuple[Server, Inbox]) -> Inbox:
    tengu[1].rows.clear()
    tengu[1].error = None
    return tengu[1]


@pytest.fixture
def client(tengu: tuple[Server, Inbox], inbox: Inbox) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=tengu[0].url, timeout=20) as client:
        yield client


def event(**more: Any) -> dict[str, Any]:
    inner = {"type": "app_mention", "user": "U0ALICE", "text": f"<@{BOT_USER}> deploy production", "ts": "1700.1",
             "channel": "C0DEPLOY", "event_ts": "1700.1", **more}  # fmt: skip
    return {"type": "event_callback", "team_id": "T0", "event_id": "Ev1", "api_app_id": "A0", "event": inner}


def direct(**more: Any) -> dict[str, Any]:
    return event(type="message", channel="D0ALICE", channel_type="im", text="status", **more)


def post(client: httpx.Client, content: Any, content_type: str = JSON, **headers: str) -> httpx.Response:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    all_headers = {"Content-Type": content_type, **signed_headers(body), **headers}
    return client.post("/slack/events", content=body, headers=all_headers)


def slack_lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name.startswith(("handlers", "slack"))]


# --- what is stored --------------------------------------------------------------------------------------


def test_a_mention_is_stored_before_the_answer(client: httpx.Client, inbox: Inbox) -> None:
    assert post(client, event(thread_ts="1690.5")).status_code == 200
    assert inbox.rows == {
        "Ev1": (
            "slack.command",
            {
                "text": f"<@{BOT_USER}> deploy production",
                "user": "U0ALICE",
                "channel": "C0DEPLOY",
                "channel_type": "channel",
                "thread_ts": "1690.5",
                "message_ts": "1700.1",
                "source": "mention",
                "team": "T0",
            },
        )
    }


def test_a_direct_message_is_stored(client: httpx.Client, inbox: Inbox) -> None:
    assert post(client, direct()).status_code == 200
    kind, payload = inbox.only()
    assert (kind, payload["source"], payload["channel_type"], payload["text"]) == (
        "slack.command", "dm", "im", "status",
    )  # fmt: skip


def test_a_slash_command_is_stored_and_answered_to_the_person_alone(client: httpx.Client, inbox: Inbox) -> None:
    form = {"command": "/tengu", "text": "deploy production", "user_id": "U0ALICE", "channel_id": "C0DEPLOY",
            "trigger_id": "7.8.9", "team_id": "T0"}  # fmt: skip
    response = post(client, urlencode(form).encode(), FORM)
    assert response.status_code == 200
    assert response.json() == {
        "response_type": "ephemeral",
        "text": "On it: `deploy production`. I answer in the app's channel.",
    }
    assert list(inbox.rows) == ["slash:7.8.9"]
    assert inbox.only()[1]["source"] == "slash"


def test_a_pressed_button_is_stored(client: httpx.Client, inbox: Inbox) -> None:
    payload = {
        "type": "block_actions",
        "user": {"id": "U0ALICE"},
        "team": {"id": "T0"},
        "trigger_id": "1.2",
        "channel": {"id": "C0DEPLOY"},
        "container": {"type": "message", "message_ts": "1700.1", "channel_id": "C0DEPLOY"},
        "actions": [{"type": "button", "action_id": "verify#2", "value": "12", "action_ts": "1701.0", "block_id": "b"}],
    }
    assert post(client, urlencode({"payload": json.dumps(payload)}).encode(), FORM).status_code == 200
    assert inbox.rows == {
        "action:1.2": (
            "slack.action",
            {
                "action": "verify",
                "value": "12",
                "user": "U0ALICE",
                "channel": "C0DEPLOY",
                "message_ts": "1700.1",
                "team": "T0",
            },
        )
    }


def test_slack_asks_for_its_challenge(client: httpx.Client) -> None:
    response = post(client, {"type": "url_verification", "challenge": "abc", "token": "x"})
    assert (response.status_code, response.json()) == (200, {"challenge": "abc"})


def test_text_that_no_database_takes_is_cleaned(client: httpx.Client, inbox: Inbox) -> None:
    assert post(client, event(text="deploy \x00\ud800production")).status_code == 200
    assert inbox.only()[1]["text"] == "deploy ?production"


# --- what bad input gets ---------------------------------------------------------------------------------

MENTION = json.dumps(event()).encode()


@pytest.mark.parametrize(
    ("headers", "why"),
    [
        ({"X-Slack-Signature": ""}, "unsigned"),
        ({"X-Slack-Signature": "v0=" + "0" * 64}, "wrongly signed"),
        (signed_headers(MENTION, secret="another"), "signed with another secret"),
        (signed_headers(MENTION + b" "), "signed another body"),
        (signed_headers(MENTION, at=time.time() - 301), "stale"),
        (signed_headers(MENTION, at=time.time() + 86_400), "from the future"),
        ({"X-Slack-Request-Timestamp": "soon"}, "no timestamp"),
        ({"X-Slack-Request-Timestamp": "9" * 400}, "absurd timestamp"),
    ],
)
def test_not_signed_is_401(
    client: httpx.Client, inbox: Inbox, caplog: pytest.LogCaptureFixture, headers: dict[str, str], why: str
) -> None:
    caplog.set_level(logging.INFO)
    response = post(client, MENTION, **headers)
    assert response.status_code == 401, why
    assert not inbox.rows
    assert slack_lines(caplog) == ["Slack request refused: /slack/events: wrong, stale or missing signature"]


@pytest.mark.parametrize("body", [b"ssl_check=1", json.dumps({"type": "url_verification", "challenge": "x"}).encode()])
def test_nothing_is_answered_to_the_unsigned(client: httpx.Client, body: bytes) -> None:
    assert client.post("/slack/events", content=body, headers={"Content-Type": FORM}).status_code == 401


def test_a_signature_that_is_not_ascii_is_401(client: httpx.Client) -> None:
    headers = {**signed_headers(MENTION), "X-Slack-Signature": "v0=ü".encode()}
    assert client.post("/slack/events", content=MENTION, headers=headers).status_code == 401  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (b"", JSON),
        (b"{", JSON),
        (b"[]", JSON),
        (b"null", JSON),
        (b"{" * 5000, JSON),
        (b"[" * 100_000, JSON),
        (b"payload=%7Bnot-json", FORM),
        (b"payload=[]", FORM),
        (b"just text", FORM),
        (b"&".join(b"a=%d" % n for n in range(300)), FORM),
        ({"type": "event_callback"}, JSON),
        ({"type": "event_callback", "event": "x", "event_id": "Ev1"}, JSON),
        (
            {"type": "event_callback", "event": {"type": "app_mention", "channel": "C", "ts": "1"}, "event_id": "E"},
            JSON,
        ),
        ({**event(), "event_id": None}, JSON),
        (event(user=None), JSON),
        (event(channel={"a": 1}), JSON),
        ({**event(), "authorizations": "x"}, JSON),
        (urlencode({"command": "/tengu", "text": "deploy"}).encode(), FORM),
        (
            urlencode({"payload": json.dumps({"type": "block_actions", "user": {"id": "U"}, "actions": []})}).encode(),
            FORM,
        ),
        (urlencode({"payload": json.dumps({"type": "block_actions", "user": "U", "actions": [{}]})}).encode(), FORM),
        (urlencode({"payload": json.dumps({"type": "block_actions", "actions": [1]})}).encode(), FORM),
    ],
)
def test_malformed_is_400(
    client: httpx.Client, inbox: Inbox, caplog: pytest.LogCaptureFixture, content: Any, content_type: str
) -> None:
    caplog.set_level(logging.INFO)
    assert post(client, content, content_type).status_code == 400
    assert not inbox.rows
    assert len(slack_lines(caplog)) == 1


def test_what_declares_to_be_oversized_is_413_before_it_is_sent(
    tengu: tuple[Server, Inbox], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    connection = http.client.HTTPConnection("127.0.0.1", tengu[0].port, timeout=10)
    connection.putrequest("POST", "/slack/events")
    connection.putheader("Content-Length", str(26 * 1024 * 1024))
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()
    assert slack_lines(caplog) == ["request refused: POST /slack/events: longer than 26214400 bytes"]


def test_what_turns_out_to_be_oversized_is_413(client: httpx.Client, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    chunks = (b"x" * (1024 * 1024) for _ in range(26))
    assert client.post("/slack/events", content=chunks).status_code == 413
    assert slack_lines(caplog) == ["request refused: POST /slack/events: longer than 26214400 bytes"]


@pytest.mark.parametrize(
    "content",
    [
        event(type="reaction_added"),
        event(type="team_join"),
        event(bot_id=BOT_ID),
        event(edited={"user": "U0ALICE", "ts": "1701"}),
        event(channel="D0ALICE"),
        direct(subtype="message_changed"),
        direct(subtype="bot_message", bot_id="B1"),
        direct(bot_id=BOT_ID),
        event(type="message", channel_type="channel"),
        event(type="message", channel_type="mpim"),
        {"type": "app_rate_limited", "minute_rate_limited": 1},
        {"type": "something_new"},
    ],
)
def test_events_that_are_none_of_ours_have_no_effect(
    client: httpx.Client, inbox: Inbox, caplog: pytest.LogCaptureFixture, content: dict[str, Any]
) -> None:
    caplog.set_level(logging.INFO)
    assert post(client, content).status_code == 200
    assert not inbox.rows
    (line,) = slack_lines(caplog)
    assert "without effect" in line


def test_interactions_that_are_none_of_ours_have_no_effect(client: httpx.Client, inbox: Inbox) -> None:
    for payload in (
        {"type": "view_submission", "view": {"type": "modal", "callback_id": "x"}},
        {"type": "shortcut", "callback_id": "x"},
    ):
        assert post(client, urlencode({"payload": json.dumps(payload)}).encode(), FORM).status_code == 200
    assert not inbox.rows


def test_repeated_has_no_effect(client: httpx.Client, inbox: Inbox, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    post(client, event())
    assert post(client, event(), **{"X-Slack-Retry-Num": "1"}).status_code == 200
    assert len(inbox.rows) == 1
    assert slack_lines(caplog) == [
        "Slack request 200: /slack/events: stored as Ev1",
        "Slack request 200: /slack/events (retry '1'): repeated as Ev1",
    ]


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (ServiceError("PostgreSQL", "store a request", "connection refused.", transient=True), 503, "PostgreSQL could"),
        (RuntimeError("boom"), 500, "that is a bug: RuntimeError('boom')"),
    ],
)
def test_what_is_not_stored_is_sent_again(
    client: httpx.Client, inbox: Inbox, caplog: pytest.LogCaptureFixture, error: Exception, status: int, said: str
) -> None:
    caplog.set_level(logging.INFO)
    inbox.error = error
    slash = urlencode({"command": "/tengu", "text": "x", "user_id": "U", "channel_id": "C", "trigger_id": "1"}).encode()
    assert post(client, event()).status_code == status
    assert post(client, slash, FORM).status_code == status
    lines = slack_lines(caplog)
    assert len(lines) == 2
    assert all(said in line for line in lines)
    inbox.error = None
    assert post(client, event()).status_code == 200
    assert list(inbox.rows) == ["Ev1"]


# --- with the stand-in's people --------------------------------------------------------------------------


def test_people_of_the_stand_in_reach_the_inbox(tengu: tuple[Server, Inbox], inbox: Inbox) -> None:
    with SlackStandIn() as slack:
        slack.people.url = f"{tengu[0].url}/slack/events"
        slack.workspace.add_person(Person("U0ALICE", "alice"))
        slack.workspace.add_channel("C0DEPLOY", "deploys", ["U0ALICE"])
        said = slack.say("U0ALICE", "C0DEPLOY", "@tengu deploy production")
        assert (said.status, said.slow) == (200, False)
        assert slack.people.resend(said).status == 200
        slack.say("U0ALICE", "C0DEPLOY", "nobody is mentioned")
        slack.dm("U0ALICE", "@tengu status")
        slack.slash("U0ALICE", "C0DEPLOY", "lock production")
        assert [payload["source"] for _, payload in inbox.rows.values()] == ["mention", "dm", "slash"]
        assert slack.transcript("C0DEPLOY")[-1] == (
            "tengu (only alice sees this): On it: `lock production`. I answer in the app's channel."
        )


def test_a_slow_database_does_not_block_the_others(
    tengu: tuple[Server, Inbox], client: httpx.Client, inbox: Inbox
) -> None:
    release, waiting = threading.Event(), threading.Event()

    def slow() -> None:
        waiting.set()
        release.wait(10)

    inbox.before = slow
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(post, client, event())
        assert waiting.wait(10)
        inbox.before = lambda: None
        with httpx.Client(base_url=tengu[0].url, timeout=5) as other:
            assert post(other, {**event(), "event_id": "Ev2"}).status_code == 200
        assert list(inbox.rows) == ["Ev2"]
        release.set()
        assert answer.result().status_code == 200
    assert list(inbox.rows) == ["Ev2", "Ev1"]

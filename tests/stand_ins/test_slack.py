"""The Slack stand-in refuses what Slack refuses; slack_sdk's own models are the cross-check."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models.blocks import ActionsBlock, Block, ButtonElement, ContextBlock, HeaderBlock, SectionBlock
from slack_sdk.models.blocks.basic_components import ConfirmObject

from tengu.sandbox.slack import Person, SlackStandIn
from tengu.sandbox.slack.limits import LIMITS, check_blocks
from tengu.sandbox.slack.workspace import BOT_TOKEN, BOT_USER

HTTP = httpx.Client(trust_env=False, limits=httpx.Limits(max_keepalive_connections=0))


def section(length: int) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": "x" * length}}


def button(**more: Any) -> dict[str, Any]:
    return {"type": "button", "text": {"type": "plain_text", "text": "Go"}, "action_id": "go", **more}


def actions(*elements: dict[str, Any]) -> dict[str, Any]:
    return {"type": "actions", "elements": list(elements)}


def label(length: int) -> dict[str, Any]:
    return {"type": "plain_text", "text": "x" * length}


def confirm(**more: Any) -> dict[str, Any]:
    return {"title": label(5), "text": label(5), "confirm": label(3), "deny": label(2), **more}


@pytest.mark.parametrize(
    "block",
    [
        section(3000),
        {"type": "header", "text": label(150)},
        {"type": "context", "elements": [{"type": "mrkdwn", "text": "small"}] * 10},
        actions(*(button(action_id=f"go{n}") for n in range(25))),
        actions(button(text=label(75), value="v" * 2000, url="https://x/", style="danger", confirm=confirm())),
        {"type": "divider"},
    ],
)
def test_what_is_within_the_limits_is_taken_by_both(block: dict[str, Any]) -> None:
    assert check_blocks([block]) is None
    parsed = Block.parse(block)
    assert parsed is not None
    parsed.validate_json()


@pytest.mark.parametrize(
    ("block", "model"),
    [
        (section(3001), SectionBlock(text="x" * 3001)),
        ({"type": "header", "text": label(151)}, HeaderBlock(text="x" * 151)),
        ({"type": "context", "elements": [label(1)] * 11}, ContextBlock(elements=[section(1)["text"]] * 11)),
        (
            actions(*(button(action_id=f"go{n}") for n in range(26))),
            ActionsBlock(elements=[ButtonElement(text="x", action_id=f"go{n}") for n in range(26)]),
        ),
        (actions(button(text=label(76))), ActionsBlock(elements=[ButtonElement(text="x" * 76, action_id="a")])),
        (actions(button(value="v" * 2001)), ActionsBlock(elements=[ButtonElement(text="x", value="v" * 2001)])),
        (actions(button(style="green")), ActionsBlock(elements=[ButtonElement(text="x", style="green")])),
        (
            actions(button(confirm=confirm(text=label(301)))),
            ConfirmObject(title="t", text="x" * 301, confirm="yes", deny="no"),
        ),
    ],
)
def test_what_the_models_refuse_the_stand_in_refuses(block: dict[str, Any], model: Any) -> None:
    problem = check_blocks([block])
    assert problem is not None
    assert problem[0] == "invalid_blocks"
    with pytest.raises(SlackObjectFormationError):
        _validate(model)


@pytest.mark.parametrize(
    ("blocks", "said"),
    [
        ([section(0)], "must be more than 0 characters [json-pointer:/blocks/0/text/text]"),
        ([{"type": "poem"}], "unsupported type: poem [json-pointer:/blocks/0/type]"),
        (["text"], "unsupported type: None [json-pointer:/blocks/0/type]"),
        ([section(1)] * 51, "no more than 50 items allowed [json-pointer:/blocks]"),
        ([actions(button(), button())], "`action_id` already exists for another element"),
        ([actions()], "must have at least 1 items"),
        ([{"type": "section"}], "must define either `fields` or `text`"),
        ([{**section(1), "colour": "red"}], "invalid additional property: colour [json-pointer:/blocks/0]"),
        ([{"type": "section", "text": "plain"}], "missing or wrong text object"),
        ([{**section(1), "block_id": "b"}] * 2, "block_id already exists: b"),
        ([actions({"type": "checkboxes"})], "unsupported element"),
    ],
)
def test_what_the_models_miss_is_refused_too(blocks: list[Any], said: str) -> None:
    problem = check_blocks(blocks)
    assert problem is not None
    assert any(said in message for message in problem[1])


def _validate(model: Any) -> None:
    model.to_dict()
    for element in getattr(model, "elements", []):
        element.validate_json()


def test_all_blocks_together_have_a_limit() -> None:
    assert check_blocks([section(3000)] * 4) is None
    assert check_blocks([section(3000)] * 5) == ("msg_blocks_too_long", [])


def test_every_limit_names_its_source() -> None:
    assert all(limit.source.startswith("https://") for limit in LIMITS.values())


# --- the Web API over HTTP -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server() -> Iterator[SlackStandIn]:
    with SlackStandIn() as stand_in:
        yield stand_in


@pytest.fixture
def slack(server: SlackStandIn) -> SlackStandIn:
    server.reset()
    server.workspace.add_person(Person("U0ALICE", "alice", "alice@example.com", tz="Europe/Berlin"))
    server.workspace.add_person(Person("U00BOB", "bob"))
    server.workspace.add_channel("C0DEPLOY", "deploys", ["U0ALICE", "U00BOB"])
    server.workspace.add_channel("C0OTHER", "other", ["U0ALICE"], bot=False)
    return server


def call(slack: SlackStandIn, method: str, token: str = BOT_TOKEN, **arguments: Any) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    answer = HTTP.post(slack.api_url + method, json=arguments, headers=headers).json()
    assert isinstance(answer, dict)
    return answer


@pytest.mark.parametrize(
    ("method", "arguments", "error"),
    [
        ("chat.postMessage", {"channel": "C0DEPLOY"}, "no_text"),
        ("chat.postMessage", {"channel": "C0NONE", "text": "x"}, "channel_not_found"),
        ("chat.postMessage", {"channel": "C0OTHER", "text": "x"}, "not_in_channel"),
        ("chat.postMessage", {"channel": "C0DEPLOY", "text": "x", "thread_ts": "1.1"}, "cannot_reply_to_message"),
        ("chat.postMessage", {"channel": "C0DEPLOY", "blocks": [{"type": "poem"}]}, "invalid_blocks"),
        ("chat.postMessage", {"channel": "C0DEPLOY", "text": "x", "metadata": {"a": 1}}, "invalid_metadata_format"),
        ("chat.update", {"channel": "C0DEPLOY", "ts": "1.1", "text": "x"}, "message_not_found"),
        ("users.info", {"user": "U0NOBODY"}, "user_not_found"),
        ("users.lookupByEmail", {"email": "nobody@example.com"}, "users_not_found"),
        ("usergroups.users.list", {"usergroup": "S0"}, "no_such_subteam"),
        ("conversations.replies", {"channel": "C0DEPLOY", "ts": "1.1"}, "thread_not_found"),
        ("conversations.members", {"channel": "C0DEPLOY", "cursor": "bogus"}, "invalid_cursor"),
        ("chat.frobnicate", {}, "unknown_method"),
    ],
)
def test_refusals_are_slacks(slack: SlackStandIn, method: str, arguments: dict[str, Any], error: str) -> None:
    answer = call(slack, method, **arguments)
    assert (answer["ok"], answer["error"]) == (False, error)


def test_tokens_and_scopes_are_checked(slack: SlackStandIn) -> None:
    assert call(slack, "auth.test", token="")["error"] == "not_authed"
    assert call(slack, "auth.test", token="xoxb-other")["error"] == "invalid_auth"
    slack.web_api.missing_scopes.add("users:read")
    answer = call(slack, "users.info", user="U0ALICE")
    assert (answer["error"], answer["needed"]) == ("missing_scope", "users:read")


def test_blocks_stay_unless_they_are_taken_away(slack: SlackStandIn) -> None:
    ts = call(slack, "chat.postMessage", channel="C0DEPLOY", text="one", blocks=[section(3)])["ts"]
    call(slack, "chat.update", channel="C0DEPLOY", ts=ts, text="two")
    assert slack.messages("C0DEPLOY")[0].blocks == [section(3)]
    call(slack, "chat.update", channel="C0DEPLOY", ts=ts, text="three", blocks=[])
    message = slack.messages("C0DEPLOY")[0]
    assert (message.text, message.blocks, len(message.edits)) == ("three", [], 2)
    assert call(slack, "chat.update", channel="C0DEPLOY", ts=ts, text="x" * 4001)["error"] == "msg_too_long"


def test_nobody_edits_the_message_of_another(slack: SlackStandIn) -> None:
    said = slack.say("U0ALICE", "C0DEPLOY", "just talking")
    assert call(slack, "chat.update", channel="C0DEPLOY", ts=said.ts, text="x")["error"] == "cant_update_message"


def test_history_comes_in_pages_newest_first_without_replies(slack: SlackStandIn) -> None:
    ts = [call(slack, "chat.postMessage", channel="C0DEPLOY", text=f"m{n}")["ts"] for n in range(5)]
    call(slack, "chat.postMessage", channel="C0DEPLOY", text="reply", thread_ts=ts[0])
    texts, cursor = [], ""
    while True:
        page = call(slack, "conversations.history", channel="C0DEPLOY", limit=2, cursor=cursor)
        texts += [message["text"] for message in page["messages"]]
        cursor = page.get("response_metadata", {}).get("next_cursor", "")
        if not cursor:
            break
    assert texts == ["m4", "m3", "m2", "m1", "m0"]
    replies = call(slack, "conversations.replies", channel="C0DEPLOY", ts=ts[0])["messages"]
    assert [message["text"] for message in replies] == ["m0", "reply"]
    later = call(slack, "conversations.history", channel="C0DEPLOY", oldest=ts[3])["messages"]
    assert [message["text"] for message in later] == ["m4"]


def test_transcript_is_readable(slack: SlackStandIn) -> None:
    ts = call(slack, "chat.postMessage", channel="C0DEPLOY", text="Deploying <https://x/1|#1> for <@U0ALICE>")["ts"]
    call(slack, "chat.postMessage", channel="C0DEPLOY", text="ok", thread_ts=ts, blocks=[section(2), actions(button())])
    call(slack, "chat.update", channel="C0DEPLOY", ts=ts, text="Deployed &lt;b&gt; <@U0ALICE>")
    slack.say("U0ALICE", "C0DEPLOY", "thanks\nall")
    assert slack.transcript("C0DEPLOY") == [
        "tengu: Deployed <b> @alice (edited 1×)",  # noqa: RUF001  # the sign for "times"
        "    tengu: xx",
        "        [Go]",
        "alice: thanks",
        "    all",
    ]


def test_every_method_is_counted_and_can_be_limited(slack: SlackStandIn) -> None:
    slack.rate_limit("auth.test", 7)
    response = HTTP.post(slack.api_url + "auth.test", headers={"Authorization": f"Bearer {BOT_TOKEN}"})
    assert (response.status_code, response.headers["retry-after"]) == (429, "7")
    assert call(slack, "auth.test")["user_id"] == BOT_USER
    assert slack.faults.count("auth.test") == 2

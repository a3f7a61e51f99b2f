"""SlackChat on the stand-in: what it asks, what it makes of the answers, how it fails."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tengu.adapters.slack.blocks import MAX_TEXT, shorten, split, to_slack
from tengu.adapters.slack.chat import SlackChat
from tengu.domain.message import Block, Button, Buttons, Context, Message, Section
from tengu.errors import ServiceError
from tengu.ports.chat import MessageGone, Posted
from tengu.sandbox.faults import Fault
from tengu.sandbox.slack import Person, SlackStandIn, StoredMessage
from tengu.sandbox.slack.limits import check_blocks
from tengu.sandbox.slack.workspace import BOT_TOKEN
from tengu.secret import Secret

HELLO = Message("hello", (Section("hello *world*"), Context("small"), Buttons((Button("Verify", "verify", "12"),))))


class Hours:
    """Time that passes when told."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def server() -> Iterator[SlackStandIn]:
    with SlackStandIn() as stand_in:
        yield stand_in


@pytest.fixture
def slack(server: SlackStandIn) -> SlackStandIn:
    server.reset()
    workspace = server.workspace
    workspace.add_person(Person("U0ALICE", "alice", "alice@example.com", tz="Europe/Berlin"))
    workspace.add_person(Person("U00BOB", "bob", guest=True))
    workspace.add_person(Person("U00EVE", "eve", stranger=True))
    workspace.add_channel("C0DEPLOY", "deploys", ["U0ALICE", "U00BOB"])
    workspace.add_channel("C0OTHER", "other", bot=False)
    workspace.add_group("S00OPS", ["U0ALICE"])
    return server


@pytest.fixture
def hours() -> Hours:
    return Hours()


@pytest.fixture
def chat(slack: SlackStandIn, hours: Hours) -> SlackChat:
    return SlackChat(Secret(BOT_TOKEN), slack.api_url, monotonic=hours, timeout=5, pause=0)


def test_a_message_is_posted_found_and_edited(slack: SlackStandIn, chat: SlackChat) -> None:
    posted = chat.post("#deploys", HELLO, key="k:1")
    assert posted.channel == "C0DEPLOY"
    assert slack.transcript("C0DEPLOY") == ["tengu: hello *world*", "    small", "    [Verify]"]
    assert chat.find("#deploys", "k:1") == posted
    assert chat.find("C0DEPLOY", "k:2") is None
    assert chat.find("C0DEPLOY", "k:1", since=float(posted.ts) + 1) is None
    chat.update(posted, Message("plain"), key="k:1")
    assert slack.messages("C0DEPLOY")[0].shown() == "plain"
    assert chat.find("C0DEPLOY", "k:1") == posted


def test_a_reply_is_found_in_its_thread_on_any_page(slack: SlackStandIn, chat: SlackChat) -> None:
    parent = chat.post("C0DEPLOY", HELLO, key="parent")
    for number in range(250):
        slack.workspace.post(StoredMessage("C0DEPLOY", "", "U0ALICE", f"chatter {number}", thread_ts=parent.ts))
    reply = chat.post("C0DEPLOY", Message("reply"), thread=parent.ts, key="reply")
    assert chat.find("C0DEPLOY", "reply", thread=parent.ts) == reply
    assert chat.find("C0DEPLOY", "reply") is None
    assert chat.find("C0DEPLOY", "reply", thread="1.000001") is None, "a thread that is gone"


def test_a_message_of_somebody_else_with_our_key_is_not_ours(slack: SlackStandIn, chat: SlackChat) -> None:
    said = slack.say("U0ALICE", "C0DEPLOY", "x")
    message = slack.workspace.message("C0DEPLOY", said.ts)
    assert message is not None
    message.metadata = {"event_type": "tengu_message", "event_payload": {"key": "k"}}
    assert chat.find("C0DEPLOY", "k") is None


def test_a_message_that_is_gone_or_closed_says_so(slack: SlackStandIn, chat: SlackChat) -> None:
    posted = chat.post("C0DEPLOY", HELLO)
    slack.workspace.messages("C0DEPLOY")[0].closed = True
    with pytest.raises(MessageGone):
        chat.update(posted, HELLO)
    slack.workspace.delete(posted.channel, posted.ts)
    with pytest.raises(MessageGone):
        chat.update(posted, HELLO)


def test_people_channels_and_groups(slack: SlackStandIn, chat: SlackChat, hours: Hours) -> None:
    alice = chat.user("U0ALICE")
    assert (alice.name, alice.timezone, alice.is_guest, alice.is_stranger) == ("alice", "Europe/Berlin", False, False)
    assert chat.user("U00BOB").is_guest
    assert chat.user("U00EVE").is_stranger
    assert chat.user_by_email("Alice@example.com") == alice
    assert chat.user_by_email("nobody@example.com") is None
    assert chat.channel_id("#deploys") == "C0DEPLOY"
    assert chat.channel_id("C0ANY") == "C0ANY"
    assert chat.direct_message("U0ALICE") == "D0ALICE"
    assert chat.is_member("C0DEPLOY", "U0ALICE")
    assert not chat.is_member("C0DEPLOY", "U00EVE")
    assert chat.in_user_group("S00OPS", "U0ALICE")
    assert not chat.in_user_group("S00OPS", "U00BOB")


def test_answers_are_cached_but_nobody_is_turned_away_on_an_old_one(
    slack: SlackStandIn, chat: SlackChat, hours: Hours
) -> None:
    for _ in range(3):
        chat.user("U0ALICE")
        assert chat.is_member("C0DEPLOY", "U0ALICE")
    assert (slack.faults.count("users.info"), slack.faults.count("conversations.members")) == (1, 1)
    slack.workspace.channels["C0DEPLOY"].members.append("U00EVE")
    hours.now += 2
    assert chat.is_member("C0DEPLOY", "U00EVE")
    slack.workspace.channels["C0DEPLOY"].members.remove("U0ALICE")
    hours.now += 61
    assert not chat.is_member("C0DEPLOY", "U0ALICE")


def test_members_are_read_on_all_pages(slack: SlackStandIn, chat: SlackChat) -> None:
    slack.workspace.channels["C0DEPLOY"].members[:] = [f"U{number:05}" for number in range(2500)]
    assert chat.is_member("C0DEPLOY", "U02499")
    assert slack.faults.count("conversations.members") == 3


@pytest.mark.parametrize(
    ("channel", "fault", "transient", "said"),
    [
        ("C0OTHER", None, False, "not_in_channel. Invite @tengu to the channel: /invite @tengu"),
        ("C0NONE", None, False, "channel_not_found. Check `channel` in tengu.yml"),
        ("C0DEPLOY", Fault("chat.*", 503), True, "Slack could not do chat.postMessage: answered HTTP 503."),
        ("C0DEPLOY", Fault("chat.*", 200, b"<html>proxy</html>"), True, "answered HTTP 200."),
        ("C0DEPLOY", Fault("chat.*", 200, b'{"ok":false,"error":"internal_error"}'), True, "internal_error"),
        ("C0DEPLOY", Fault("chat.*", 200, b'{"ok":false,"error":"invalid_auth"}'), False, "SLACK_BOT_TOKEN"),
        ("C0DEPLOY", Fault("chat.*", 429, b"{}", {"Retry-After": "30"}), True, "ratelimited, asks to wait 30 s."),
    ],
)  # fmt: skip
def test_failures_name_the_method_and_what_to_do(
    slack: SlackStandIn, chat: SlackChat, channel: str, fault: Fault | None, transient: bool, said: str
) -> None:
    if fault:
        fault.times = 1
        slack.faults.add(fault)
    with pytest.raises(ServiceError) as error:
        chat.post(channel, HELLO)
    assert said in str(error.value)
    assert error.value.transient is transient
    assert error.value.retry_after == (30 if "ratelimited" in said else None)
    assert BOT_TOKEN not in str(error.value)


def test_a_missing_scope_is_named(slack: SlackStandIn, chat: SlackChat) -> None:
    slack.web_api.missing_scopes.add("usergroups:read")
    with pytest.raises(ServiceError, match=r"missing_scope\. Add the bot scope usergroups:read to the Slack app"):
        chat.in_user_group("S00OPS", "U0ALICE")


def test_a_channel_that_is_not_there_is_named(chat: SlackChat) -> None:
    with pytest.raises(ServiceError, match=r"there is no channel #nowhere\. Create #nowhere, or correct `channel`"):
        chat.channel_id("#nowhere")


def test_short_rate_limits_are_waited_for(slack: SlackStandIn, chat: SlackChat) -> None:
    slack.rate_limit("chat.postMessage", 0)
    chat.post("C0DEPLOY", HELLO)
    assert slack.faults.count("chat.postMessage") == 2
    assert len(slack.messages("C0DEPLOY")) == 1


def test_slack_that_is_away_is_transient() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        away = SlackChat(Secret(BOT_TOKEN), f"http://127.0.0.1:{taken.getsockname()[1]}/api/", pause=0)
        for action in (lambda: away.post("C0DEPLOY", HELLO), lambda: away.user("U0ALICE")):
            with pytest.raises(ServiceError, match=r"no answer: .*refused") as error:
                action()
            assert error.value.transient


def test_a_post_whose_answer_was_lost_is_not_repeated(slack: SlackStandIn, chat: SlackChat) -> None:
    slack.faults.add(Fault("chat.postMessage", 502, after=True))
    with pytest.raises(ServiceError):
        chat.post("C0DEPLOY", HELLO, key="k")
    assert len(slack.messages("C0DEPLOY")) == 1
    assert chat.find("C0DEPLOY", "k") is not None


# --- messages within Slack's limits ----------------------------------------------------------------------

_TEXT = st.text(min_size=1, max_size=40).map(lambda text: text + "x")
_BUTTONS = st.lists(st.builds(Button, _TEXT, st.just("verify"), st.text(max_size=5), confirm=st.none() | _TEXT),
                    min_size=1, max_size=30)  # fmt: skip
_BLOCKS: st.SearchStrategy[Block] = st.one_of(
    st.builds(Section, _TEXT.flatmap(lambda text: st.integers(1, 200).map(lambda times: text * times))),
    st.builds(Context, _TEXT.flatmap(lambda text: st.integers(1, 100).map(lambda times: text * times))),
    st.builds(Buttons, _BUTTONS.map(tuple)),
)


@given(text=_TEXT, blocks=st.lists(_BLOCKS, max_size=60).map(tuple))
def test_whatever_is_said_fits_slack(text: str, blocks: tuple[Block, ...]) -> None:
    shown, converted = to_slack(Message(text, blocks))
    assert len(shown) <= MAX_TEXT
    assert check_blocks(converted) is None


def test_long_messages_lose_nothing_they_can_keep() -> None:
    lines = "\n".join(f"line {number}" for number in range(700))
    text, blocks = to_slack(Message(lines))
    assert len(text) <= MAX_TEXT
    assert "\n".join(block["text"]["text"] for block in blocks) == lines


def test_too_long_messages_say_that_something_is_left_out_and_keep_their_buttons() -> None:
    sections = tuple(Section(f"{number}: " + "word " * 100) for number in range(60))
    _, blocks = to_slack(Message("all", (*sections, Buttons((Button("Verify", "verify"),)))))
    assert len(blocks) <= 50
    assert blocks[-1]["type"] == "actions"
    assert "left out" in blocks[-2]["text"]["text"]


def test_buttons_with_the_same_action_get_ids_of_their_own() -> None:
    row = Buttons((Button("#1", "verify", "1"), Button("#2", "verify", "2"), Button("z", "snooze")))
    _, blocks = to_slack(Message("x", (row,)))
    assert [element["action_id"] for element in blocks[0]["elements"]] == ["verify", "verify#2", "snooze"]


@given(text=st.text(max_size=500), limit=st.integers(2, 50))
def test_splitting_keeps_every_character_but_line_ends_and_blanks(text: str, limit: int) -> None:
    pieces = split(text, limit)
    assert all(0 < len(piece) <= limit for piece in pieces)
    assert "".join("".join(pieces).split()) == "".join(text.split())
    assert len(shorten(text, limit)) <= limit


def test_posted_is_where_it_stands(chat: SlackChat) -> None:
    assert isinstance(chat.post("C0DEPLOY", HELLO), Posted)

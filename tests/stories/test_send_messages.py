"""Messages on their way from the outbox (PostgreSQL) into Slack (the stand-in): sent at least once, shown once."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from tengu.adapters.postgres.database import Database
from tengu.adapters.postgres.outbox import PostgresOutbox
from tengu.adapters.slack.chat import SlackChat
from tengu.domain.message import Message
from tengu.ports.store import Destination
from tengu.sandbox.faults import Fault
from tengu.sandbox.slack import Person, SlackStandIn
from tengu.sandbox.slack.workspace import BOT_TOKEN
from tengu.secret import Secret
from tengu.usecases.send_messages import SendMessages

Later = Callable[[], None]
DEPLOYS = Destination(channel="#deploys")


class Crash(BaseException):
    """The process dies here."""


class CrashingOutbox(PostgresOutbox):
    """Dies between Slack's answer and its record."""

    def sent(self, key: str, version: int, channel_id: str, ts: str) -> None:
        raise Crash


@pytest.fixture(scope="module")
def server() -> Iterator[SlackStandIn]:
    with SlackStandIn() as stand_in:
        yield stand_in


@pytest.fixture
def slack(server: SlackStandIn) -> SlackStandIn:
    server.reset()
    server.workspace.add_person(Person("U0ALICE", "alice"))
    server.workspace.add_channel("C0DEPLOY", "deploys", ["U0ALICE"])
    return server


@pytest.fixture
def outbox(database: Database) -> PostgresOutbox:
    return PostgresOutbox(database)


@pytest.fixture
def sender(slack: SlackStandIn, outbox: PostgresOutbox) -> SendMessages:
    return SendMessages(outbox, SlackChat(Secret(BOT_TOKEN), slack.api_url, pause=0), jitter=lambda: 0.5)


@pytest.fixture
def later(database: Database) -> Later:
    """Let every wait of the outbox be over."""

    def pass_time() -> None:
        past = ", ".join(
            f"{column} = {column} - interval '1 hour'" for column in ("sent_at", "retry_at", "taken_until")
        )
        with database.transaction("let time pass") as connection:
            connection.execute(f"UPDATE outbound SET {past}".encode())

    return pass_time


def test_a_message_is_posted_once_and_edited_afterwards(
    sender: SendMessages, outbox: PostgresOutbox, slack: SlackStandIn, later: Later
) -> None:
    outbox.put("status", DEPLOYS, Message("building"))
    outbox.put("status", DEPLOYS, Message("building"))
    assert sender.run() == 1
    outbox.put("status", DEPLOYS, Message("rolling out"))
    assert sender.run() == 0, "an edit comes 3 seconds later"
    later()
    outbox.put("status", DEPLOYS, Message("done"))
    assert sender.run() == 1
    assert slack.transcript("C0DEPLOY") == ["tengu: done (edited 1×)"]  # noqa: RUF001  # the sign for "times"
    assert outbox.next_due_in() is None


def test_replies_go_into_the_thread_of_a_message_of_ours(
    sender: SendMessages, outbox: PostgresOutbox, slack: SlackStandIn
) -> None:
    outbox.put("end", Destination(thread_of="status"), Message("@alice it is done"))
    assert sender.run() == 0
    outbox.put("status", DEPLOYS, Message("building"))
    assert sender.run() == 2
    assert slack.transcript("C0DEPLOY") == ["tengu: building", "    tengu: @alice it is done"]


def test_direct_messages_are_opened(sender: SendMessages, outbox: PostgresOutbox, slack: SlackStandIn) -> None:
    outbox.put("remind", Destination(user="U0ALICE"), Message("please verify #12"))
    sender.run()
    assert slack.transcript("D0ALICE") == ["tengu: please verify #12"]


@pytest.mark.parametrize(
    "destination",
    [DEPLOYS, Destination(user="U0ALICE"), Destination(thread_of="parent")],
    ids=["channel", "direct message", "thread"],
)
def test_after_a_crash_between_post_and_record_the_message_is_found(
    sender: SendMessages,
    outbox: PostgresOutbox,
    database: Database,
    slack: SlackStandIn,
    later: Later,
    destination: Destination,
) -> None:
    outbox.put("parent", DEPLOYS, Message("parent"))
    sender.run()
    outbox.put("k", destination, Message("deploying"))
    with pytest.raises(Crash):
        SendMessages(CrashingOutbox(database), sender.chat).run()
    posts = slack.faults.count("chat.postMessage")
    later()
    outbox.put("k", destination, Message("deployed"))
    assert sender.run() == 1
    assert slack.faults.count("chat.postMessage") == posts
    shown = [message.text for message in slack.workspace.posted if message.text.startswith("deploy")]
    assert shown == ["deployed"]
    assert outbox.get("k").sent_version == 2


def test_after_a_crash_before_the_post_it_is_posted(
    sender: SendMessages, outbox: PostgresOutbox, slack: SlackStandIn, later: Later
) -> None:
    outbox.put("k", DEPLOYS, Message("deploying"))
    outbox.take_due()
    outbox.begin("k")
    later()
    sender.run()
    assert slack.transcript("C0DEPLOY") == ["tengu: deploying"]
    assert slack.faults.count("conversations.history") == 1


@pytest.mark.parametrize("after", [True, False], ids=["answer lost", "request lost"])
def test_a_post_without_answer_is_looked_for(
    sender: SendMessages, outbox: PostgresOutbox, slack: SlackStandIn, later: Later, after: bool
) -> None:
    slack.faults.add(Fault("chat.postMessage", 502, after=after))
    outbox.put("k", DEPLOYS, Message("deploying"))
    sender.run()
    assert outbox.get("k").uncertain
    later()
    sender.run()
    assert [message.text for message in slack.messages("C0DEPLOY")] == ["deploying"]
    assert slack.faults.count("conversations.history") == 1


@pytest.mark.parametrize("how", ["deleted", "edit window closed"])
def test_a_message_that_cannot_be_edited_is_posted_anew(
    sender: SendMessages, outbox: PostgresOutbox, slack: SlackStandIn, later: Later, how: str
) -> None:
    outbox.put("k", DEPLOYS, Message("deploying"))
    sender.run()
    (message,) = slack.messages("C0DEPLOY")
    if how == "deleted":
        slack.workspace.delete(message.channel, message.ts)
    message.closed = True
    later()
    outbox.put("k", DEPLOYS, Message("deployed"))
    sender.run()
    assert slack.messages("C0DEPLOY")[-1].text == "deployed"
    assert outbox.get("k").sent_version == 2
    assert sender.run() == 0


def test_a_rate_limit_is_waited_for_as_long_as_slack_says(
    sender: SendMessages, outbox: PostgresOutbox, slack: SlackStandIn, later: Later
) -> None:
    slack.rate_limit("chat.postMessage", 40)
    outbox.put("k", DEPLOYS, Message("deploying"))
    sender.run()
    assert 35 < outbox.next_due_in() <= 40
    assert not outbox.get("k").uncertain, "Slack said that it did not post it"
    later()
    sender.run()
    assert slack.transcript("C0DEPLOY") == ["tengu: deploying"]


def test_while_slack_is_away_nothing_is_lost_and_others_are_not_held_up(
    sender: SendMessages, outbox: PostgresOutbox, slack: SlackStandIn, later: Later, caplog: pytest.LogCaptureFixture
) -> None:
    slack.faults.down = True
    for number in range(3):
        outbox.put(f"k{number}", DEPLOYS, Message(f"message {number}"))
    assert sender.run() == 3
    assert "Slack could not do chat.postMessage: answered HTTP 503." in caplog.text
    slack.faults.down = False
    later()
    assert sender.run() == 3
    assert sorted(message.text for message in slack.messages("C0DEPLOY")) == ["message 0", "message 1", "message 2"]


def test_what_a_person_can_mend_is_tried_for_an_hour(
    sender: SendMessages, outbox: PostgresOutbox, slack: SlackStandIn, later: Later, caplog: pytest.LogCaptureFixture
) -> None:
    slack.workspace.add_channel("C0DEPLOY", "deploys", bot=False)
    outbox.put("k", Destination(channel="C0DEPLOY"), Message("deploying"))
    for _ in range(11):
        sender.run()
        later()
    assert "not_in_channel. Invite @tengu to the channel: /invite @tengu" in caplog.text
    assert outbox.next_due_in() is not None
    sender.run()
    assert outbox.next_due_in() is None
    assert "message k given up at attempt 12" in caplog.text


def test_what_slack_never_takes_is_given_up_at_once(
    sender: SendMessages, outbox: PostgresOutbox, slack: SlackStandIn, caplog: pytest.LogCaptureFixture
) -> None:
    slack.faults.add(Fault("chat.postMessage", 200, b'{"ok": false, "error": "invalid_blocks", "errors": ["no"]}'))
    outbox.put("k", DEPLOYS, Message("deploying"))
    caplog.set_level(logging.ERROR)
    sender.run()
    assert outbox.next_due_in() is None
    assert "message k given up at attempt 1: Slack could not do chat.postMessage: invalid_blocks (no)." in caplog.text


def test_several_senders_show_each_message_once(
    sender: SendMessages, outbox: PostgresOutbox, slack: SlackStandIn
) -> None:
    for number in range(20):
        outbox.put(f"k{number}", DEPLOYS, Message(f"message {number}"))
    with ThreadPoolExecutor(4) as pool:
        runs = [pool.submit(sender.run) for _ in range(4)]
    assert sum(run.result() for run in runs) == 20
    assert len({message.text for message in slack.messages("C0DEPLOY")}) == len(slack.messages("C0DEPLOY")) == 20


def test_a_sender_that_was_slow_does_not_post_what_another_may_have_taken(
    sender: SendMessages, outbox: PostgresOutbox, slack: SlackStandIn, later: Later
) -> None:
    ticks = iter([0.0, 45.0, 100.0, 101.0])
    outbox.put("k", Destination(user="U0ALICE"), Message("please verify #12"))
    slow = replace(sender, monotonic=lambda: next(ticks))
    slow.run()
    assert slack.faults.count("chat.postMessage") == 0
    later()
    slow.run()
    assert slack.transcript("D0ALICE") == ["tengu: please verify #12"]


def test_a_reply_whose_thread_was_deleted_before_anybody_could_look_is_given_up(
    sender: SendMessages, outbox: PostgresOutbox, slack: SlackStandIn, later: Later
) -> None:
    outbox.put("parent", DEPLOYS, Message("parent"))
    sender.run()
    slack.workspace.posted.clear()
    outbox.put("k", Destination(thread_of="parent"), Message("reply"))
    outbox.take_due()
    outbox.begin("k")
    later()
    sender.run()
    assert outbox.next_due_in() is None


def test_waiting_grows_and_has_an_end(
    outbox: PostgresOutbox, sender: SendMessages, slack: SlackStandIn, later: Later
) -> None:
    slack.faults.down = True
    outbox.put("k", DEPLOYS, Message("deploying"))
    waits = []
    for _ in range(12):
        sender.run()
        waits.append(round(outbox.next_due_in() or 0))
        later()
    assert waits[:4] == [1, 2, 4, 8]
    assert waits[-1] == 600
    assert timedelta(seconds=sum(waits)) < timedelta(hours=1)

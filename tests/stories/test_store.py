"""The stores on a real PostgreSQL: what is kept, what is refused, what happens twice."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tengu.adapters.postgres.database import Database
from tengu.adapters.postgres.migrate import is_current, migrate
from tengu.domain.deployment import Kind, NewDeployment, Outcome, State, StepName, StepState
from tengu.domain.message import Button, Buttons, Message, Section
from tengu.domain.people import TENGU, Actor
from tengu.errors import LeaseLost, ServiceError
from tengu.ports.store import DeploymentPullRequest, Destination, Event, Lock, Store, VerificationItem

ALICE = Actor("slack", "U012ALICE")
MINUTE = timedelta(minutes=1)
HELLO = Message("hello", (Section("hello"), Buttons((Button("Verify", "verify", "7"),))))
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def merge(commit: str = "c1", environment: str = "production", app: str = "web") -> NewDeployment:
    return NewDeployment(app, environment, Kind.MERGE, commit, f"s-{commit}", None, 7, (1, 2), ALICE)


def age(database: Database, table: str, column: str) -> None:
    """Let a recorded time be long ago."""
    with database.transaction("age") as connection:
        connection.execute(f"UPDATE {table} SET {column} = {column} - interval '1 day'".encode())


# --- migrations ------------------------------------------------------------------------------------------


def test_migrating_again_changes_nothing(database: Database) -> None:
    assert migrate(database) == migrate(database)
    assert is_current(database)


def test_newer_database_is_refused_with_advice(database: Database) -> None:
    with database.transaction("look into the future") as connection:
        connection.execute("INSERT INTO tengu_schema_version (version, name) VALUES (99, 'future')")
    with pytest.raises(ServiceError, match=r"database is at version 99.*upgrade this one"):
        migrate(database)


def test_database_that_is_away_is_a_transient_service_error() -> None:
    away = Database("host=/nonexistent user=tengu dbname=tengu", size=1, timeout=0.2)
    away.open()
    with pytest.raises(ServiceError) as caught:
        away.ping()
    away.close()
    assert caught.value.transient
    assert caught.value.service == "PostgreSQL"


# --- inbox -----------------------------------------------------------------------------------------------


def test_request_is_stored_and_taken_once(store: Store) -> None:
    assert store.inbox.receive("d-1", "github.push", {"ref": "a\x00b\ud800"})
    assert not store.inbox.receive("d-1", "github.push", {"ref": "other"})
    taken = store.inbox.take("d-1")
    assert taken is not None
    assert (taken.kind, taken.payload, taken.attempts) == ("github.push", {"ref": "a\ufffdb?"}, 1)
    assert store.inbox.take("d-1") is None
    store.inbox.handled("d-1")
    assert store.inbox.take("d-1") is None
    assert not store.inbox.receive("d-1", "github.push", {})


def test_failed_request_is_taken_again_after_its_pause(store: Store, database: Database) -> None:
    store.inbox.receive("d-1", "k", {})
    store.inbox.take("d-1")
    store.inbox.failed("d-1", "GitHub is away", MINUTE)
    assert store.inbox.take("d-1") is None
    age(database, "inbound", "retry_at")
    again = store.inbox.take("d-1")
    assert again is not None
    assert again.attempts == 2


def test_request_that_was_given_up_runs_again_when_it_is_repeated(store: Store) -> None:
    store.inbox.receive("d-1", "k", {})
    store.inbox.take("d-1")
    store.inbox.failed("d-1", "no", None)
    assert store.inbox.take("d-1") is None
    assert store.inbox.receive("d-1", "k", {})
    assert store.inbox.take("d-1") is not None


def test_request_of_a_dead_worker_is_taken_again(store: Store, database: Database) -> None:
    store.inbox.receive("d-1", "k", {})
    assert store.inbox.take("d-1")
    age(database, "inbound", "taken_until")
    assert store.inbox.take("d-1")


# --- outbox ----------------------------------------------------------------------------------------------


def test_message_is_posted_once_and_edited_after(store: Store, database: Database) -> None:
    outbox = store.outbox
    outbox.put("m", Destination(channel="C1"), HELLO)
    outbox.put("m", Destination(channel="C1"), HELLO)
    first = outbox.take_due()
    assert first is not None
    assert (first.message, first.version, first.sent_version) == (HELLO, 1, 0)
    assert outbox.take_due() is None
    outbox.begin("m")
    outbox.sent("m", 1, "C1", "1.5")
    assert outbox.next_due_in() is None
    outbox.put("m", Destination(channel="C1"), Message("changed"))
    assert outbox.take_due() is None  # posted less than 3 s ago
    wait = outbox.next_due_in()
    assert wait is not None
    assert 0 < wait <= 3
    age(database, "outbound", "sent_at")
    second = outbox.take_due()
    assert second is not None
    assert (second.version, second.sent_version, second.ts, second.channel_id) == (2, 1, "1.5", "C1")


def test_message_whose_post_never_ended_is_uncertain(store: Store, database: Database) -> None:
    store.outbox.put("m", Destination(user="U1"), HELLO)
    store.outbox.take_due()
    store.outbox.begin("m")
    begun = store.outbox.get("m")
    age(database, "outbound", "taken_until")
    again = store.outbox.take_due()
    assert again is not None
    assert again.uncertain
    store.outbox.begin("m")
    assert begun is not None
    assert again.begun_at == begun.begun_at


def test_reply_waits_for_the_message_it_replies_to(store: Store) -> None:
    store.outbox.put("parent", Destination(channel="#deploys"), HELLO)
    store.outbox.put("reply", Destination(channel="#deploys", thread_of="parent"), HELLO)
    parent = store.outbox.take_due()
    assert parent is not None
    assert parent.key == "parent"
    assert store.outbox.take_due() is None
    store.outbox.sent("parent", 1, "C1", "1.5")
    reply = store.outbox.take_due()
    assert reply is not None
    assert reply.destination.thread_ts == "1.5"


def test_message_that_failed_waits_or_is_given_up(store: Store, database: Database) -> None:
    store.outbox.put("m", Destination(channel="C1"), HELLO)
    store.outbox.take_due()
    store.outbox.failed("m", "ratelimited", MINUTE, uncertain=False)
    assert store.outbox.take_due() is None
    age(database, "outbound", "retry_at")
    assert store.outbox.take_due() is not None
    store.outbox.failed("m", "channel_not_found", None, uncertain=False)
    assert store.outbox.next_due_in() is None
    store.outbox.put("m", Destination(channel="C1"), Message("other"))
    assert store.outbox.take_due() is not None


def test_forgotten_post_is_posted_anew(store: Store, database: Database) -> None:
    store.outbox.put("m", Destination(channel="C1"), HELLO)
    store.outbox.take_due()
    store.outbox.sent("m", 1, "C1", "1.5")
    store.outbox.forget_post("m")
    again = store.outbox.take_due()
    assert again is not None
    assert (again.ts, again.sent_version) == ("", 0)


# --- deployments -----------------------------------------------------------------------------------------


def test_merge_is_recorded_once_whatever_became_of_it(store: Store) -> None:
    first = store.deployments.create(merge())
    assert first is not None
    assert (first.number, first.state, first.items, first.person) == (1, State.WAITING, (1, 2), ALICE)
    store.deployments.end_unstarted(1, Outcome.SKIPPED, "superseded", "newer")
    assert store.deployments.create(merge()) is None
    assert store.deployments.create(replace(merge(), kind=Kind.PUSH)) is None
    assert store.deployments.create(replace(merge(), kind=Kind.RETRY, target=1)) is not None
    assert store.deployments.create(merge(environment="staging")) is not None
    assert store.deployments.known_commit("web", "production", "c1")
    assert not store.deployments.known_commit("web", "production", "c2")


def test_numbers_have_no_gaps_when_many_ask_at_once(store: Store) -> None:
    def create(index: int) -> None:
        store.deployments.create(merge(f"c{index % 10}", app=f"app{index % 2}"))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(create, range(40)))
    assert sorted(one.number for one in store.deployments.history(limit=100)) == list(range(1, 11))


def test_lane_runs_one_at_a_time_in_order(store: Store) -> None:
    for commit in ("c1", "c2"):
        store.deployments.create(merge(commit))
    claimed = store.deployments.claim("a", MINUTE)
    assert claimed is not None
    deployment, lease = claimed
    assert deployment.number == 1
    assert store.deployments.claim("b", MINUTE) is None
    in_lane = store.deployments.in_lane("web", "production")
    assert in_lane is not None
    assert in_lane.number == 1
    assert [one.number for one in store.deployments.waiting("web", "production")] == [2]
    store.deployments.finish(lease, Outcome.SUCCEEDED, "", "")
    second = store.deployments.claim("b", MINUTE)
    assert second is not None
    assert second[0].number == 2


def test_two_claims_at_once_never_share_a_lane(store: Store) -> None:
    for index in range(12):
        store.deployments.create(merge(f"c{index}", environment=f"e{index % 3}"))
    barrier = threading.Barrier(8)

    def claim(index: int) -> str | None:
        barrier.wait()
        claimed = store.deployments.claim(f"w{index}", MINUTE)
        return claimed[0].environment if claimed else None

    with ThreadPoolExecutor(8) as pool:
        lanes = [lane for lane in pool.map(claim, range(8)) if lane]
    assert len(lanes) == len(set(lanes))
    assert lanes


def test_lane_with_a_long_queue_does_not_hold_up_the_others(store: Store) -> None:
    for commit in ("c1", "c2", "c3"):
        store.deployments.create(merge(commit))
    store.deployments.create(merge("c1", environment="staging"))
    order = []
    while claimed := store.deployments.claim("only worker", MINUTE):
        order.append(claimed[0].number)
        store.deployments.finish(claimed[1], Outcome.SUCCEEDED, "", "")
    assert order == [1, 4, 2, 3]


def test_taken_over_deployment_refuses_its_first_owner(store: Store) -> None:
    store.deployments.create(merge())
    first = store.deployments.claim("a", timedelta(0))
    second = store.deployments.claim("b", MINUTE)
    assert first is not None
    assert second is not None
    assert second[1].takeovers == 1
    assert second[1].token > first[1].token
    for write in (
        lambda: store.deployments.renew(first[1], MINUTE),
        lambda: store.deployments.start_step(first[1], StepName.BUILD),
        lambda: store.deployments.note(first[1], StepName.BUILD, {}),
        lambda: store.deployments.finish_step(first[1], StepName.BUILD, {}),
        lambda: store.deployments.finish(first[1], Outcome.SUCCEEDED, "", ""),
        lambda: store.deployments.hand_over(first[1]),
    ):
        with pytest.raises(LeaseLost):
            write()
    assert store.deployments.finish(second[1], Outcome.FAILED, "build_failed", "no").outcome is Outcome.FAILED


def test_finished_step_sets_takeovers_back_and_keeps_its_output(store: Store) -> None:
    store.deployments.create(merge())
    assert store.deployments.claim("a", timedelta(0))
    _, lease = store.deployments.claim("b", timedelta(0)) or pytest.fail("nothing to claim")
    store.deployments.start_step(lease, StepName.CHECKOUT)
    store.deployments.note(lease, StepName.CHECKOUT, {"one": 1}, "cloning")
    store.deployments.note(lease, StepName.CHECKOUT, {"two": 2})
    noted = store.deployments.get(1)
    assert noted is not None
    step = noted.step(StepName.CHECKOUT)
    assert step is not None
    assert (step.memo, step.detail, step.state) == ({"one": 1, "two": 2}, "cloning", StepState.RUNNING)
    store.deployments.finish_step(lease, StepName.CHECKOUT, {"tree": "t"}, "cloned")
    deployment, third = store.deployments.claim("c", MINUTE) or pytest.fail("nothing to claim")
    assert third.takeovers == 1
    assert deployment.output(StepName.CHECKOUT) == {"tree": "t"}


def test_handed_over_deployment_is_claimed_at_once_and_not_counted(store: Store) -> None:
    store.deployments.create(merge())
    _, lease = store.deployments.claim("a", MINUTE) or pytest.fail("nothing to claim")
    store.deployments.hand_over(lease)
    _, second = store.deployments.claim("b", MINUTE) or pytest.fail("nothing to claim")
    assert second.takeovers == 0


def test_unknown_outcome_keeps_the_lane_until_it_is_given_up(store: Store) -> None:
    store.deployments.create(merge("c1"))
    store.deployments.create(merge("c2"))
    _, lease = store.deployments.claim("a", MINUTE) or pytest.fail("nothing to claim")
    store.deployments.finish(lease, Outcome.UNKNOWN, "task_forgotten", "ECS forgot the task")
    assert store.deployments.claim("a", MINUTE) is None
    in_lane = store.deployments.in_lane("web", "production")
    assert in_lane is not None
    assert in_lane.outcome is Outcome.UNKNOWN
    assert store.deployments.release_lane(1)
    assert not store.deployments.release_lane(1)
    assert store.deployments.claim("a", MINUTE) is not None


def test_held_deployment_starts_only_when_resumed(store: Store) -> None:
    store.deployments.create(replace(merge(), hold_code="frozen", hold_reason="weekend"))
    assert store.deployments.claim("a", MINUTE) is None
    assert [one.reason for one in store.deployments.held("web", "production")] == ["weekend"]
    resumed = store.deployments.resume(1)
    assert resumed is not None
    assert (resumed.state, resumed.code) == (State.WAITING, "")
    _, lease = store.deployments.claim("a", MINUTE) or pytest.fail("nothing to claim")
    held = store.deployments.hold(lease, "environment_locked", "locked by bob")
    assert (held.state, held.reason) == (State.HELD, "locked by bob")
    assert store.deployments.end_unstarted(1, Outcome.CANCELLED, "cancelled", "by alice") is not None
    assert store.deployments.end_unstarted(1, Outcome.CANCELLED, "cancelled", "by alice") is None
    assert store.deployments.resume(1) is None


def test_cancel_request_shows_at_the_next_renewal(store: Store) -> None:
    store.deployments.create(merge())
    assert store.deployments.request_cancel(1, ALICE) is None
    _, lease = store.deployments.claim("a", MINUTE) or pytest.fail("nothing to claim")
    store.deployments.request_cancel(1, ALICE)
    store.deployments.request_cancel(1, TENGU)
    assert store.deployments.renew(lease, MINUTE).cancel_requested_by == ALICE


def test_last_succeeded_is_the_newest_before(store: Store) -> None:
    for commit, outcome in (("c1", Outcome.SUCCEEDED), ("c2", Outcome.SUCCEEDED), ("c3", Outcome.FAILED)):
        store.deployments.create(merge(commit))
        _, lease = store.deployments.claim("a", MINUTE) or pytest.fail("nothing to claim")
        store.deployments.finish(lease, outcome, "", "")
    last = store.deployments.last_succeeded("web", "production")
    before = store.deployments.last_succeeded("web", "production", before=2)
    assert last is not None
    assert before is not None
    assert (last.number, before.number) == (2, 1)


# --- environments, verifications, events -----------------------------------------------------------------


def test_first_sight_of_a_branch_is_adopted_for_good(store: Store) -> None:
    assert store.environments.adopted("web", "production", "deployment/production") is None
    assert store.environments.adopt("web", "production", "deployment/production", "c1") == "c1"
    assert store.environments.adopt("web", "production", "deployment/production", "c2") == "c1"
    assert store.environments.reported("web", "production", "c3")
    assert not store.environments.reported("web", "production", "c3")


def test_lock_is_in_force_until_it_expires_or_is_removed(store: Store) -> None:
    now = datetime.now(UTC)
    lock = Lock(ALICE, "incident", now)
    store.environments.lock("web", "production", lock)
    assert store.environments.current_lock("web", "production") == lock
    assert store.environments.unlock("web", "production") == lock
    assert store.environments.unlock("web", "production") is None
    store.environments.lock("web", "production", replace(lock, until=now - MINUTE))
    assert store.environments.current_lock("web", "production") is None
    assert store.environments.unlock("web", "production") is None


def test_exclusive_lets_one_in_at_a_time(store: Store) -> None:
    inside: list[int] = []
    most: list[int] = []

    def enter(index: int) -> None:
        with store.environments.exclusive("propose web/production"):
            inside.append(index)
            most.append(len(inside))
            store.environments.current_lock("web", "production")
            inside.remove(index)

    with ThreadPoolExecutor(30) as pool:
        list(pool.map(enter, range(30)))
    assert most == [1] * 30


def test_pull_requests_with_open_boxes_are_found(store: Store) -> None:
    first = DeploymentPullRequest("web", "production", 7, "https://x/7", "open", "b", "h", NOON, ALICE, "key")
    store.environments.save_pull_request(first)
    store.environments.save_pull_request(replace(first, number=8, state="closed"))
    item = VerificationItem("web", "production", 7, 1, "Title", ("alice",))
    store.verifications.save([item, replace(item, pull_request=8)])
    assert store.environments.pull_requests_to_verify() == (first,)
    newest = store.environments.pull_request("web", "production")
    assert newest is not None
    assert newest.number == 8
    assert store.environments.pull_request("web", "production", 7) == first
    ticked = replace(item, ticked=True, ticked_by=ALICE, ticked_at=NOON, in_body=True)
    store.verifications.save([ticked])
    assert store.verifications.items("web", "production", 7) == (ticked,)
    assert store.environments.pull_requests_to_verify() == ()


def test_one_reminder_is_recorded_when_two_are_about_to_be_sent(store: Store) -> None:
    item = VerificationItem("web", "production", 7, 1, "Title", ("alice",))
    store.verifications.save([item, replace(item, item=2)])
    items = store.verifications.items("web", "production", 7)
    assert store.verifications.pinged(items, NOON, None)
    assert not store.verifications.pinged(items, NOON + MINUTE, None)
    assert store.verifications.pinged(items[:1], NOON + MINUTE, NOON)
    store.verifications.save(items)  # read before the reminders
    assert [(one.pings, one.pinged_at) for one in store.verifications.items("web", "production", 7)] == [
        (2, NOON + MINUTE),
        (1, NOON),
    ]
    assert store.verifications.take_link("alice") is None


def test_event_record_only_grows(store: Store, database: Database) -> None:
    store.events.record(Event(ALICE, "lock", "done", "web", "production", why="incident\x00", detail={"a": 1}))
    store.events.record(Event(TENGU, "deploy", "refused", "api"))
    assert [event.action for event in store.events.events()] == ["deploy", "lock"]
    (lock,) = store.events.events(app="web")
    assert (lock.actor, lock.why, lock.detail, lock.at is not None) == (ALICE, "incident\ufffd", {"a": 1}, True)
    for statement in (b"UPDATE event SET why = 'x'", b"TRUNCATE event"):
        with pytest.raises(ServiceError, match="append-only"), database.transaction("tamper") as connection:
            connection.execute(statement)


def test_the_end_of_a_deployment_stands_in_the_record_once(store: Store) -> None:
    store.deployments.create(merge("c1"))
    store.deployments.create(merge("c2"))
    _, lease = store.deployments.claim("a", MINUTE) or pytest.fail("nothing to claim")
    store.deployments.finish(lease, Outcome.FAILED, "build_failed", "RUN ended with 1.")
    store.deployments.end_unstarted(2, Outcome.SKIPPED, "newer_merge", "Deployment 3 contains it.")
    ends = [event for event in store.events.events() if event.action == "deployment"]
    assert [(end.deployment, end.outcome, end.why) for end in ends] == [
        (2, "skipped", "Deployment 3 contains it."),
        (1, "failed", "RUN ended with 1."),
    ]

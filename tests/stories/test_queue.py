"""The queue and the sweep on a real PostgreSQL: work is done once it is stored, whatever happens to the jobs."""

from __future__ import annotations

import os
import queue as threadsafe
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest

from tengu.adapters.postgres.database import Database
from tengu.adapters.postgres.embedded import EmbeddedPostgres
from tengu.adapters.postgres.migrate import migrate
from tengu.adapters.postgres.prune import prune
from tengu.adapters.postgres.queue import Queue, Slots, Work
from tengu.adapters.postgres.store import store_on
from tengu.adapters.postgres.sweep import Sweep
from tengu.domain.message import Message
from tengu.domain.people import TENGU
from tengu.errors import ServiceError
from tengu.ports.store import Destination, Event, Store
from tests.stories.engine_world import merge

SLOTS = Slots(errands=4, deployments=2, poll=0.5, patience=1.0)


class Done:
    """What the queue did, to wait for."""

    def __init__(self) -> None:
        self._heard: threadsafe.Queue[str] = threadsafe.Queue()

    def say(self, what: str) -> None:
        self._heard.put(what)

    def next(self) -> str:
        return self._heard.get(timeout=20)

    def wait_for(self, what: str) -> None:
        while self.next() != what:
            pass

    def work(self, **changes: Callable[..., object]) -> Work:
        calls: dict[str, Callable[..., object]] = {
            "handle_inbound": lambda key: self.say(f"inbound {key}"),
            "advance": lambda: self.say("advance"),
            "send_messages": lambda: self.say("messages"),
            "remind": lambda: self.say("remind"),
            "reconcile": lambda: self.say("reconcile"),
            "prune": lambda: self.say("prune"),
            **changes,
        }
        return Work(**calls)  # type: ignore[arg-type]  # a test's lambdas answer what they like


@pytest.fixture
def done() -> Done:
    return Done()


@pytest.fixture
def running(dsn: str, done: Done) -> Iterator[Queue]:
    queue = Queue(dsn, done.work(), SLOTS)
    queue.start()
    yield queue
    assert queue.stop(10)


def forget_jobs(database: Database) -> None:
    """Every job is lost."""
    with database.transaction("lose the jobs") as connection:
        connection.execute("DELETE FROM procrastinate_jobs")


def jobs_left(database: Database) -> bool:
    """True until every job is recorded as ended, that is deleted."""
    with database.transaction("look at the jobs") as connection:
        return connection.execute("SELECT FROM procrastinate_jobs").fetchone() is not None


def test_stored_work_wakes_its_worker(running: Queue, store: Store, done: Done) -> None:
    store.inbox.receive("d-1", "github.push", {})
    done.wait_for("inbound d-1")
    store.deployments.create(merge())
    done.wait_for("advance")
    store.outbox.put("m", Destination(channel="C1"), Message("hi"))
    done.wait_for("messages")


def test_periodic_work_is_begun_at_the_start(running: Queue, done: Done) -> None:
    heard: set[str] = set()
    while not heard >= {"remind", "reconcile"}:
        heard.add(done.next())


def test_job_that_fails_does_not_end_the_worker(dsn: str, store: Store, done: Done) -> None:
    def handle(key: str) -> None:
        done.say(f"inbound {key}")
        if key == "bad":
            raise ZeroDivisionError

    queue = Queue(dsn, done.work(handle_inbound=handle), SLOTS)
    queue.start()
    store.inbox.receive("bad", "k", {})
    done.wait_for("inbound bad")
    store.inbox.receive("good", "k", {})
    done.wait_for("inbound good")
    assert queue.stop(10)


def test_long_deployments_leave_room_for_errands(dsn: str, store: Store, done: Done) -> None:
    gate = threading.Event()

    def advance() -> bool:
        done.say("advance")
        gate.wait(20)
        return False

    queue = Queue(dsn, done.work(advance=advance), SLOTS)
    queue.start()
    for number in range(4):
        store.deployments.create(merge(f"c{number}"))
    done.wait_for("advance")
    done.wait_for("advance")
    store.inbox.receive("d-1", "k", {})
    done.wait_for("inbound d-1")
    gate.set()
    assert queue.stop(10)


def test_stop_lets_deployments_hand_over(dsn: str, store: Store, done: Done) -> None:
    handed_over = threading.Event()

    def advance() -> bool:
        done.say("advance")
        return not handed_over.wait(20)

    queue = Queue(dsn, done.work(advance=advance, hand_over=handed_over.set), SLOTS)
    queue.start()
    store.deployments.create(merge())
    done.wait_for("advance")
    assert queue.stop(10)


def test_stop_says_when_something_does_not_end(dsn: str, store: Store, done: Done) -> None:
    gate = threading.Event()

    def advance() -> bool:
        done.say("advance")
        return not gate.wait(20)

    queue = Queue(dsn, done.work(advance=advance), SLOTS)
    queue.start()
    store.deployments.create(merge())
    done.wait_for("advance")
    assert not queue.stop(0.2)
    gate.set()
    assert queue.stop(10)


def test_sweep_heals_lost_jobs(running: Queue, store: Store, database: Database, done: Done) -> None:
    assert running.stop(10)
    store.inbox.receive("d-1", "k", {})
    store.outbox.put("m", Destination(channel="C1"), Message("hi"))
    store.deployments.create(merge())
    sweep = Sweep(database)
    assert sweep.sweep() == 0  # their jobs are queued
    forget_jobs(database)
    with database.transaction("let time pass") as connection:
        connection.execute("UPDATE inbound SET received_at = received_at - interval '1 minute'")
    assert sweep.sweep() == 3
    assert sweep.sweep() == 0


def test_sweep_finds_expired_leases_and_ends_nobody_heard_of(store: Store, database: Database) -> None:
    sweep = Sweep(database)
    store.deployments.create(merge())
    claimed = store.deployments.claim("a", timedelta(minutes=1))
    forget_jobs(database)
    assert sweep.sweep() == 0
    assert claimed is not None
    store.deployments.renew(claimed[1], timedelta(0))
    assert sweep.sweep() == 1
    assert sweep.age() < 5


def test_sweep_runs_by_itself_and_survives_an_outage(database: Database) -> None:
    sweep = Sweep(Database("host=/nonexistent dbname=x", size=1, timeout=0.05), every=0.01)
    sweep.start()
    sweep.stop()
    assert sweep.age() >= 0


def test_old_rows_go_and_events_too(store: Store, database: Database) -> None:
    store.events.record(Event(TENGU, "deploy", "done"))
    store.inbox.receive("old", "k", {})
    store.inbox.handled("old")
    store.inbox.receive("open", "k", {})
    assert prune(database, timedelta(days=1)) == 0
    assert prune(database, timedelta(seconds=-1)) == 2
    assert store.inbox.take("open") is not None


def test_queue_survives_a_restart_of_the_database(tmp_path: Path, done: Done) -> None:
    server = EmbeddedPostgres(tmp_path / "pg", ("fsync=off",), watch=2.0)
    database = Database(server.start(), timeout=20)
    database.open()
    migrate(database)
    store = store_on(database)
    queue = Queue(database.dsn, done.work(), SLOTS)
    queue.start()
    store.inbox.receive("before", "k", {})
    done.wait_for("inbound before")
    while jobs_left(database):
        pass
    os.kill(int((tmp_path / "pg" / "data" / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
    with suppress(ServiceError):
        store.inbox.receive("after", "k", {})  # the connection breaks in the middle: whoever asked hears of it
    store.inbox.receive("after", "k", {})  # waits until the watcher has started the server again
    done.wait_for("inbound after")
    stopped = queue.stop(20)
    database.close()
    server.stop()
    assert stopped

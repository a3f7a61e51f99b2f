"""Wakes and distributes work with Procrastinate; the rows in the stores are the truth, not its jobs.

Known weaknesses of the library and how they are kept harmless: a job may be lost, doubled, late or stuck in
`doing`: the sweep finds the row it was for. A worker that loses the database for longer than its pool waits ends
itself while its jobs still run, and would stay deaf: it is built anew, while the old one finishes what it has.
Tasks are synchronous and run in threads of their own: an `async` one that blocks would stop the heartbeat.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal

from procrastinate import App, PsycopgConnector
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from tengu.adapters.postgres.database import connection_options
from tengu.adapters.postgres.wake import DEPLOYMENTS, ERRANDS

EVERY_MINUTE = "* * * * *"
EVERY_HOUR = "7 * * * *"
_PAUSE = 0.5
_LONGEST_PAUSE = 10.0
_STARTING = 0.5
_log = logging.getLogger(__name__)


def _nothing() -> None:
    """The default of a hook."""


@dataclass(frozen=True)
class Work:
    """What the jobs do; plain synchronous callables, each safe to run again and at the same time.

    Args:
        handle_inbound: handle the stored request with that key.
        advance: run one deployment to its end; False if there was none to run.
        hand_over: called at shut-down: running deployments stop at their next safe point.
    """

    handle_inbound: Callable[[str], None]
    advance: Callable[[], bool]
    send_messages: Callable[[], None]
    remind: Callable[[], None]
    reconcile: Callable[[], None]
    prune: Callable[[], None]
    hand_over: Callable[[], None] = _nothing


@dataclass(frozen=True)
class Slots:
    """How much runs at once in one process, and how the queue is asked.

    Args:
        errands: requests, messages and periodic work.
        deployments: each takes a slot until it ends.
        poll: seconds between two looks into the queue, where a notification was missed.
        patience: seconds a lost database connection is waited for before the worker is built anew.
        listen: False behind a pooler in transaction mode (PgBouncer, RDS Proxy), which has no LISTEN.
    """

    errands: int = 8
    deployments: int = 8
    poll: float = 2.0
    patience: float = 30.0
    listen: bool = True


class Queue:
    """The workers of one process."""

    def __init__(self, dsn: str, work: Work, slots: Slots | None = None) -> None:
        self._work = work
        self._slots = slots or Slots()
        self._dsn = dsn
        self._app = _app(work)
        self._stopping = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._asked_to_stop: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._run, name="queue", daemon=True)

    def start(self) -> None:
        """Begin to work, in a thread with an event loop of its own; returns at once."""
        self._thread.start()

    def stop(self, timeout: float = 30.0) -> bool:
        """Take no new jobs, let deployments hand over, and wait for what runs.

        Returns:
            False if something still runs after `timeout` seconds. Then end the process with `os._exit`: Python
            would wait for the threads for ever. What they had is taken up elsewhere when its lease has run out.
        """
        self._stopping.set()
        self._work.hand_over()
        if self._loop is not None and self._asked_to_stop is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed already
                self._loop.call_soon_threadsafe(self._asked_to_stop.set)
        if self._thread.is_alive():
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def run(self, timeout: float = 30.0) -> bool:
        """Work in the foreground until SIGTERM or SIGINT; answers like `stop`. Only from the main thread."""
        signalled = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: signalled.set())
        self.start()
        signalled.wait()
        return self.stop(timeout)

    def _run(self) -> None:
        try:
            asyncio.run(self._work_until_stopped())
        except Exception:  # noqa: BLE001  # the last boundary of this thread
            _log.exception("the queue has ended; a supervisor has to start this process again")
        if not self._stopping.is_set():
            os._exit(1)  # a process that answers and does not work is worse than none

    async def _work_until_stopped(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._asked_to_stop = asyncio.Event()
        if self._stopping.is_set():
            self._asked_to_stop.set()
        threads = self._slots.errands + self._slots.deployments + 4
        self._loop.set_default_executor(ThreadPoolExecutor(threads, thread_name_prefix="job"))
        pool = self._pool()
        await pool.open(wait=False)  # a database that is away at the start is waited for like one that goes away
        try:
            await self._app.connector.open_async(pool)
            await self._keep_workers(asyncio.create_task(self._asked_to_stop.wait()))
        finally:
            await pool.close()

    async def _keep_workers(self, asked: asyncio.Task[Literal[True]]) -> None:
        all_workers: set[asyncio.Task[None]] = set()
        pause = _PAUSE
        while not (asked.done() or self._stopping.is_set()):
            workers = self._start_workers()
            all_workers = {worker for worker in all_workers if not _has_ended(worker)} | workers
            begun = time.monotonic()
            await asyncio.wait({asked, *workers}, return_when=asyncio.FIRST_COMPLETED)
            # A worker that is cancelled while it still starts does not notice, and would never end
            await asyncio.sleep(max(0.0, _STARTING - (time.monotonic() - begun)))
            for worker in workers:
                worker.cancel()  # it takes no new jobs and waits for those it has
            if not asked.done():
                lasted = time.monotonic() - begun
                pause = _PAUSE if lasted > self._slots.patience + _PAUSE else min(pause * 2, _LONGEST_PAUSE)
                _log.error("a worker ended, most likely because the database was away; it is built anew")
                await asyncio.wait({asked}, timeout=pause)
        await asyncio.gather(*all_workers, return_exceptions=True)

    def _pool(self) -> AsyncConnectionPool[AsyncConnection[Any]]:
        return AsyncConnectionPool(
            self._dsn, kwargs=connection_options(), min_size=1, max_size=8, timeout=self._slots.patience,
            check=AsyncConnectionPool.check_connection, name="queue", open=False,
        )  # fmt: skip

    def _start_workers(self) -> set[asyncio.Task[None]]:
        common: dict[str, Any] = {
            "fetch_job_polling_interval": self._slots.poll,
            "listen_notify": self._slots.listen,
            "install_signal_handlers": False,
            "delete_jobs": "always",  # what is to be kept is in the stores
        }
        return {
            asyncio.create_task(self._app.run_worker_async(queues=[queue], concurrency=slots, name=queue, **common))
            for queue, slots in ((ERRANDS, self._slots.errands), (DEPLOYMENTS, self._slots.deployments))
        }


def _has_ended(worker: asyncio.Task[None]) -> bool:
    if worker.done() and not worker.cancelled() and (error := worker.exception()) is not None:
        _log.error("why a worker had ended: %r", error)
    return worker.done()


def _app(work: Work) -> App:
    app = App(connector=PsycopgConnector())  # works on the pool that it is opened with

    def advance() -> None:
        while work.advance():
            pass

    app.task(name="handle_inbound", queue=ERRANDS)(work.handle_inbound)
    app.task(name="advance", queue=DEPLOYMENTS)(advance)
    app.task(name="send_messages", queue=ERRANDS)(work.send_messages)
    for name, cron, call in (
        ("remind", EVERY_MINUTE, work.remind),
        ("reconcile", EVERY_MINUTE, work.reconcile),
        ("prune", EVERY_HOUR, work.prune),
    ):
        app.periodic(cron=cron)(app.task(name=name, queue=ERRANDS)(_one_at_a_time(name, call)))
    return app


def _one_at_a_time(name: str, call: Callable[[], None]) -> Callable[[int], None]:
    """A tick is skipped while the one before still works."""
    busy = threading.Lock()

    def tick(timestamp: int) -> None:
        if not busy.acquire(blocking=False):
            _log.warning("%s: the tick of %s is skipped, the one before still works", name, timestamp)
            return
        try:
            call()
        finally:
            busy.release()

    return tick

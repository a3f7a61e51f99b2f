"""Finds rows that wait and wakes a worker for them, so that a lost, doubled or stuck job does no harm.

A plain thread in every process with one SELECT, not a job of the queue it heals.
"""

from __future__ import annotations

import logging
import threading
import time

from tengu.adapters.postgres.database import Connection, Database
from tengu.adapters.postgres.deployments import UNTOLD
from tengu.adapters.postgres.wake import wake
from tengu.errors import ServiceError

# Fresh rows are left to the job that was stored with them. A task that is queued already is not queued again.
_WAITING = f"""
    WITH queued AS (SELECT task_name, args ->> 'key' AS key FROM procrastinate_jobs WHERE status = 'todo')
    SELECT
        ARRAY(SELECT key FROM inbound
            WHERE handled_at IS NULL AND gave_up_at IS NULL AND received_at < now() - interval '2 seconds'
            AND (taken_until IS NULL OR taken_until <= now()) AND (retry_at IS NULL OR retry_at <= now())
            AND key NOT IN (SELECT key FROM queued WHERE task_name = 'handle_inbound' AND key IS NOT NULL)
            ORDER BY received_at LIMIT 100) AS inbound,
        EXISTS (SELECT FROM outbound o LEFT JOIN outbound p ON p.key = o.thread_of AND o.thread_of <> ''
            WHERE o.sent_version < o.version AND o.gave_up_at IS NULL AND (o.thread_of = '' OR p.ts <> '')
            AND greatest(o.changed_at, o.taken_until, o.retry_at,
                CASE WHEN o.ts <> '' THEN o.sent_at + interval '3 seconds' END) <= now())
            AND NOT EXISTS (SELECT FROM queued WHERE task_name = 'send_messages') AS messages,
        (EXISTS (SELECT FROM deployment WHERE state = 'running' AND lease_until <= now())
            OR EXISTS (SELECT FROM deployment d WHERE state = 'waiting' AND NOT EXISTS (
                SELECT FROM deployment o WHERE o.app = d.app AND o.environment = d.environment
                AND (o.state = 'running' OR o.keeps_lane)))
            OR EXISTS (SELECT FROM deployment WHERE {UNTOLD}))
            AND NOT EXISTS (SELECT FROM queued WHERE task_name = 'advance') AS deployments
"""
_log = logging.getLogger(__name__)


class Sweep:
    """One sweep every few seconds.

    Args:
        every: seconds between two.
    """

    def __init__(self, database: Database, every: float = 3.0) -> None:
        self._database = database
        self._every = every
        self._last = time.monotonic()
        self._away = False
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sweep", daemon=True)

    def start(self) -> None:
        """Begin; the first sweep is now."""
        self._thread.start()

    def stop(self) -> None:
        """End, after the sweep that runs."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def age(self) -> float:
        """Seconds since the last sweep that worked."""
        return time.monotonic() - self._last

    def sweep(self) -> int:
        """Sweep once.

        Returns:
            How many jobs it had to make.

        Raises:
            ServiceError: the database is away.
        """
        with self._database.transaction("sweep") as connection:
            jobs = _wake_for_what_waits(connection)
        self._last = time.monotonic()
        return jobs

    def _run(self) -> None:
        while True:
            try:
                self.sweep()
                self._away = False
            except ServiceError as error:
                if not self._away:
                    _log.warning("the sweep waits for the database: %s", error)
                self._away = True
            if self._stopping.wait(self._every):
                return


def _wake_for_what_waits(connection: Connection) -> int:
    waiting = connection.execute(_WAITING.encode()).fetchall()[0]
    requests: list[str] = waiting["inbound"]
    for key in requests:
        wake(connection, "handle_inbound", key=key)
    if waiting["messages"]:
        wake(connection, "send_messages")
    if waiting["deployments"]:
        wake(connection, "advance")
    return len(requests) + bool(waiting["messages"]) + bool(waiting["deployments"])

"""A PostgreSQL server of our own in one folder, shared by every Tengu process that uses that folder.

Who runs, who stops: two locks of the kernel answer that, and they never go stale.

- The server holds an exclusive flock on the folder (it inherits the open folder from us), so "is a server of
  this folder alive" never depends on a pid file: a zombie, or a foreign process with the same pid, fools nobody.
- Each Tengu process holds a shared flock on `users`. Whoever leaves and can have it exclusively was the last,
  and stops the server. A process that was killed leaves a running server behind; the next one adopts it.

A watcher in each process starts the server again when it is gone, so a crash of the server is a short outage.
"""

from __future__ import annotations

import fcntl
import logging
import os
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import psycopg

from tengu.adapters.postgres.binaries import find_binaries
from tengu.adapters.postgres.cluster import DATABASE, Cluster, recorded_major
from tengu.errors import ServiceError

_START_TIMEOUT = 60.0
_STOP_TIMEOUT = 30.0
_POLL = 0.02
_WATCH = 1.0
_log = logging.getLogger(__name__)


class EmbeddedPostgres:
    """The server of one folder.

    Args:
        folder: where its data lives; made if missing (mode 0700).
        settings: more `name=value` settings for the server (tests: `fsync=off`).
        watch: seconds between two looks whether the server is alive.
    """

    def __init__(self, folder: Path, settings: Sequence[str] = (), *, watch: float = _WATCH) -> None:
        self._folder = folder.expanduser().resolve()
        self._settings = tuple(settings)
        self._watch = watch
        self._users: int | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._cluster: Cluster | None = None
        self._leaving = threading.Event()
        self._watcher: threading.Thread | None = None

    def start(self) -> str:
        """Start the server, or adopt the one that runs; returns its connection string.

        Raises:
            ServiceError: it does not start; says why and what to do.
        """
        try:
            return self._join()
        except OSError as error:
            raise ServiceError(
                "PostgreSQL", "start", f"{error.filename or self._folder}: {error.strerror or error}.",
                advice="Set TENGU_HOME to a folder that this user may write, or DATABASE_URL to a PostgreSQL server.",
            ) from error  # fmt: skip

    def _join(self) -> str:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        cluster = self._cluster = Cluster(self._folder, find_binaries(recorded_major(self._folder)), self._settings)
        self._child = None
        users = os.open(self._folder / "users", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            _wait_for_lock(users, fcntl.LOCK_SH, _START_TIMEOUT)
            self._start_or_adopt(cluster)
        except BaseException:
            os.close(users)
            raise
        self._users = users
        self._leaving.clear()
        self._watcher = threading.Thread(target=self._keep_alive, args=(cluster,), name="postgres-watcher", daemon=True)
        self._watcher.start()
        return cluster.dsn(DATABASE)

    def stop(self) -> None:
        """Leave; the last one to leave stops the server and waits until it has gone."""
        if self._users is None or self._cluster is None:
            return
        self._leaving.set()
        if self._watcher is not None:
            self._watcher.join()
        if _try_lock(self._users, fcntl.LOCK_EX):
            self._stop_server(self._cluster)
        elif self._child is not None:
            self._child.returncode = 0  # it outlives us: not our child to wait for any more
        os.close(self._users)
        self._users = None

    def _start_or_adopt(self, cluster: Cluster) -> None:
        deadline = time.monotonic() + _START_TIMEOUT
        detail = ""
        while time.monotonic() < deadline:
            if self._child is not None and self._child.poll() is not None:
                detail = cluster.last_log_lines() or detail
                break
            self._start_if_dead(cluster)
            try:
                cluster.ensure_database()
                return
            except psycopg.OperationalError as error:
                detail = str(error)
            time.sleep(_POLL)
        raise ServiceError(
            "PostgreSQL", "start", f"the embedded server in {self._folder} does not answer: {' '.join(detail.split())}",
            advice=f"See {cluster.log_file}, or set DATABASE_URL to a PostgreSQL server of your own.",
        )  # fmt: skip

    def _start_if_dead(self, cluster: Cluster) -> None:
        """Start it if nobody's server holds the folder's lock; the server keeps the lock from then on."""
        folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            if _try_lock(folder, fcntl.LOCK_EX):
                if self._child is not None:
                    self._child.wait(timeout=_STOP_TIMEOUT)  # the lock says that it has ended
                self._child = cluster.launch(folder)
        finally:
            os.close(folder)

    def _keep_alive(self, cluster: Cluster) -> None:
        while not self._leaving.wait(self._watch):
            try:
                before = self._child
                self._start_if_dead(cluster)
                if self._child is not before:
                    _log.warning("the embedded PostgreSQL was gone and has been started again")
            except (OSError, ServiceError) as error:
                _log.error("the embedded PostgreSQL is gone and does not start: %s", error)

    def _stop_server(self, cluster: Cluster) -> None:
        pid = cluster.server_pid()
        if pid is None:
            return
        os.kill(pid, signal.SIGINT)  # "fast shutdown": open transactions are rolled back
        folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            _wait_for_lock(folder, fcntl.LOCK_EX, _STOP_TIMEOUT)
        finally:
            os.close(folder)
        if self._child is not None:
            self._child.wait(timeout=_STOP_TIMEOUT)


def _try_lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _wait_for_lock(descriptor: int, kind: int, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not _try_lock(descriptor, kind):
        if time.monotonic() > deadline:
            raise ServiceError(
                "PostgreSQL", "start or stop", f"the embedded server's folder is still locked after {seconds:.0f} s.",
                advice="Another Tengu process is starting or stopping it; try again.", transient=True,
            )  # fmt: skip
        time.sleep(_POLL)

"""The files of one embedded server: data folder, socket folder, log; and how to launch the server on them."""

from __future__ import annotations

import hashlib
import logging
import os
import pwd
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from tengu.adapters.postgres.binaries import Binaries, reachable_by
from tengu.errors import ServiceError

USER = "tengu"
DATABASE = "tengu"
_SHARED_USERS = ("postgres", "nobody")
"""Who runs the server for root; other services may run as the same user."""
_SHELF = Path("/var/lib/tengu")
_LONGEST_SOCKET_FOLDER = 85  # a socket's whole path may have 107 bytes on Linux, 103 on macOS
_log = logging.getLogger(__name__)


def recorded_major(folder: Path) -> int | None:
    """The major version that made the data below this folder; None before the first start."""
    try:
        return int((folder / "data" / "PG_VERSION").read_text())
    except FileNotFoundError:
        return None


class Cluster:
    """One data folder and the programs that fit it.

    As root the server runs as an unprivileged user (PostgreSQL refuses root). That user need not reach the
    folder from /: it gets the open folder as a file descriptor and addresses everything below
    `/proc/self/fd/N`, so nothing above the folder has to be opened to others.
    """

    def __init__(self, folder: Path, binaries: Binaries, settings: Sequence[str] = ()) -> None:
        self._folder = folder
        self._settings = tuple(settings)
        self._user = _server_user(folder) if os.geteuid() == 0 else None
        self._binaries = reachable_by(binaries, self._user, _SHELF) if self._user else binaries
        self._data = folder / "data"
        self._sockets = _socket_folder(folder)
        self.log_file = folder / "server.log"

    def dsn(self, database: str) -> str:
        """The connection string of a database of this server."""
        return make_conninfo(host=str(self._sockets), user=USER, dbname=database)

    def launch(self, folder: int) -> subprocess.Popen[bytes]:
        """Start the server; it inherits `folder`, this folder opened and locked exclusively.

        Holding that lock means that no server of this folder lives, so its left-over pid files can go.
        """
        self._hand_over(self._folder)
        if not self._data.exists():
            self._initialise(folder)
        self._make_socket_folder()
        self._allow_us()
        for stale in (self._data / "postmaster.pid", *self._sockets.glob(".s.PGSQL.*")):
            stale.unlink(missing_ok=True)
        base = self._seen_by_server(folder)
        arguments = ["-D", f"{base}/data", "-k", f"{base}/sockets" if self._inside else str(self._sockets)]
        for setting in ("listen_addresses=", "timezone=UTC", "log_timezone=UTC", "log_min_messages=fatal",
                        "shared_buffers=32MB", *self._settings):  # fmt: skip
            arguments += ["-c", setting]
        with self.log_file.open("wb") as log:
            return subprocess.Popen(
                [self._binaries.folder / "postgres", *arguments],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,  # Ctrl-C in our terminal is not for the server
                **self._as_user(folder),
            )  # fmt: skip

    def ensure_database(self) -> None:
        """Make Tengu's database if it is missing; raises psycopg.OperationalError where the server is away."""
        with psycopg.connect(self.dsn("postgres"), autocommit=True, connect_timeout=2) as connection:
            known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,)).fetchone()
            if known is None:
                try:
                    connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
                except psycopg.errors.UniqueViolation:
                    _log.debug("another process made the database first")

    def server_pid(self) -> int | None:
        """Pid of the running server; only true while the folder is locked by a server."""
        try:
            pid = int((self._data / "postmaster.pid").read_text().split()[0])
            os.kill(pid, 0)
        except (FileNotFoundError, ProcessLookupError, IndexError):
            return None
        return pid

    def last_log_lines(self) -> str:
        """The end of the server's log, for error messages."""
        return " / ".join(self.log_file.read_text(errors="replace").splitlines()[-3:])

    @property
    def _inside(self) -> bool:
        return self._sockets.parent == self._folder

    def _initialise(self, folder: int) -> None:
        """Make the data folder under another name first: an interrupted initdb leaves no half of one."""
        unfinished = self._folder / "data.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        done = subprocess.run(
            [self._binaries.folder / "initdb", "-D", f"{self._seen_by_server(folder)}/data.new", "-U", USER,
             "--auth=peer", "--encoding=UTF8", "--no-locale", "--no-instructions"],
            capture_output=True, text=True, timeout=120, check=False, **self._as_user(folder),
        )  # fmt: skip
        if done.returncode != 0:
            reason = " ".join((done.stderr or done.stdout).split())[-500:]
            raise ServiceError("PostgreSQL", "initdb", reason, advice="Set DATABASE_URL to a PostgreSQL server.")
        (unfinished / "pg_hba.conf").write_text("local all all peer map=tengu\n")
        unfinished.rename(self._data)

    def _allow_us(self) -> None:
        """Only root and the user that runs Tengu may connect, not the server's user: others may share it (nobody)."""
        names = {"root", pwd.getpwuid(os.geteuid()).pw_name}
        if self._user is not None and self._user.pw_name not in _SHARED_USERS:
            names.add(self._user.pw_name)  # root works in a person's folder
        (self._data / "pg_ident.conf").write_text("".join(f"tengu {name} {USER}\n" for name in sorted(names)))

    def _make_socket_folder(self) -> None:
        self._sockets.mkdir(mode=0o700, exist_ok=True)
        owners = {os.geteuid(), self._user.pw_uid if self._user else os.geteuid()}
        if self._sockets.is_symlink() or self._sockets.stat().st_uid not in owners:
            raise ServiceError("PostgreSQL", "start", f"{self._sockets} belongs to somebody else.",
                               advice="Remove it, or set TENGU_HOME to a shorter path.")  # fmt: skip
        self._hand_over(self._sockets)

    def _hand_over(self, path: Path) -> None:
        if self._user is not None:
            os.chown(path, self._user.pw_uid, self._user.pw_gid)

    def _seen_by_server(self, folder: int) -> str:
        return f"/proc/self/fd/{folder}" if self._user is not None else str(self._folder)

    def _as_user(self, folder: int) -> dict[str, Any]:
        common: dict[str, Any] = {"cwd": "/", "pass_fds": (folder,), "env": {"LC_ALL": "C", "PATH": os.defpath}}
        if self._user is not None:
            common |= {"user": self._user.pw_uid, "group": self._user.pw_gid, "extra_groups": []}
        return common


def _server_user(folder: Path) -> pwd.struct_passwd:
    """Who runs the server when we are root: the owner of the data that is there, else an unprivileged user."""
    data = folder / "data"
    if data.exists() and data.stat().st_uid != 0:
        return pwd.getpwuid(data.stat().st_uid)
    for name in _SHARED_USERS:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise ServiceError("PostgreSQL", "start", "PostgreSQL refuses to run as root and there is no user `nobody`.",
                       advice="Run Tengu as another user, or set DATABASE_URL to a PostgreSQL server.")  # fmt: skip


def _socket_folder(folder: Path) -> Path:
    inside = folder / "sockets"
    if len(os.fsencode(inside)) <= _LONGEST_SOCKET_FOLDER:
        return inside
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
    return Path("/tmp") / f"tengu-{os.geteuid()}-{digest}"  # noqa: S108  # its owner is checked below

"""The embedded PostgreSQL: shared by processes, adopted, and started again after the worst."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tengu.adapters.postgres.binaries import find_binaries
from tengu.adapters.postgres.embedded import EmbeddedPostgres
from tengu.errors import ServiceError

FAST = ("fsync=off",)
_OTHER_PROCESS = """
import os, sys
from pathlib import Path
from tengu.adapters.postgres.embedded import EmbeddedPostgres

server = EmbeddedPostgres(Path(sys.argv[1]), ("fsync=off",))
if len(sys.argv) > 2:
    os.setgid(1), os.setuid(1)  # daemon: an account that is not shared with a database
print(server.start(), flush=True)
sys.stdin.readline()
server.stop()
print("stopped", flush=True)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "pg"
    yield folder
    leftover = EmbeddedPostgres(folder, FAST)
    leftover.start()
    leftover.stop()


def other_process(folder: Path, *more: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", _OTHER_PROCESS, str(folder), *more],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert "dbname=tengu" in process.stdout.readline()
    return process


def end(process: subprocess.Popen[str]) -> None:
    """Let it stop in order."""
    out, _ = process.communicate("\n", timeout=30)
    assert out == "stopped\n"


def server_pid(folder: Path) -> int:
    return int((folder / "data" / "postmaster.pid").read_text().split()[0])


def keep(dsn: str, value: int) -> None:
    with psycopg.connect(dsn) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (value int)")
        connection.execute("INSERT INTO kept VALUES (%s)", (value,))


def kept(dsn: str) -> list[int]:
    with psycopg.connect(dsn) as connection:
        return [row[0] for row in connection.execute("SELECT value FROM kept ORDER BY value")]


def test_last_one_to_leave_stops_it(folder: Path) -> None:
    first = EmbeddedPostgres(folder, FAST)
    dsn = first.start()
    second = EmbeddedPostgres(folder, FAST)
    assert second.start() == dsn
    keep(dsn, 1)
    first.stop()
    assert kept(dsn) == [1]
    second.stop()
    second.stop()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(dsn)
    assert kept(first.start()) == [1]
    first.stop()


def test_another_process_shares_it_and_may_outlive_us(folder: Path) -> None:
    ours = EmbeddedPostgres(folder, FAST)
    dsn = ours.start()
    theirs = other_process(folder)
    keep(dsn, 1)
    ours.stop()
    assert kept(dsn) == [1]
    end(theirs)
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(dsn)


def test_server_of_a_killed_process_is_adopted(folder: Path) -> None:
    theirs = other_process(folder)
    pid = server_pid(folder)
    theirs.kill()
    theirs.communicate()
    ours = EmbeddedPostgres(folder, FAST)
    ours.start()
    assert server_pid(folder) == pid
    ours.stop()


def test_server_starts_after_both_were_killed(folder: Path) -> None:
    """Its pid file then names a zombie (nobody reaps it here), and later a foreign process."""
    theirs = other_process(folder)
    dsn = f"host={folder}/sockets user=tengu dbname=tengu"
    keep(dsn, 1)
    os.kill(theirs.pid, signal.SIGKILL)
    os.kill(server_pid(folder), signal.SIGKILL)
    theirs.communicate()
    (folder / "data" / "postmaster.pid").write_text(f"{os.getpid()}\n")
    ours = EmbeddedPostgres(folder, FAST)
    assert kept(ours.start()) == [1]
    ours.stop()


def test_server_that_dies_is_started_again(folder: Path) -> None:
    server = EmbeddedPostgres(folder, FAST, watch=0.05)
    dsn = server.start()
    keep(dsn, 1)
    os.kill(server_pid(folder), signal.SIGKILL)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            assert kept(dsn) == [1]
            break
        except psycopg.OperationalError:
            continue
    assert kept(dsn) == [1]
    server.stop()


def test_interrupted_first_start_is_begun_anew(folder: Path) -> None:
    (folder / "data.new").mkdir(parents=True)
    (folder / "data.new" / "PG_VERSION").write_text("18")
    server = EmbeddedPostgres(folder, FAST)
    keep(server.start(), 1)
    server.stop()


def test_long_folder_still_gets_a_socket(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / ("x" * 100), FAST)
    keep(server.start(), 1)
    server.stop()


def _readable_by_all(path: Path) -> bool:
    return all(part.stat().st_mode & 0o1 for part in (path, *path.parents))


@pytest.mark.skipif(
    os.geteuid() != 0 or not _readable_by_all(find_binaries(None).folder),
    reason="only root can become somebody else, and that one has to reach the programs",
)
def test_works_for_an_ordinary_user() -> None:
    with tempfile.TemporaryDirectory() as name:
        os.chown(name, 1, 1)
        folder = Path(name) / "pg"
        end(other_process(folder, "as an ordinary user"))
        as_root = EmbeddedPostgres(folder, FAST)
        keep(as_root.start(), 1)
        end(other_process(folder, "as an ordinary user"))
        as_root.stop()
        end(other_process(folder, "as an ordinary user"))


def test_data_of_another_version_is_refused_with_advice(tmp_path: Path) -> None:
    folder = tmp_path / "pg"
    (folder / "data").mkdir(parents=True)
    (folder / "data" / "PG_VERSION").write_text("9\n")
    with pytest.raises(ServiceError, match=r"made by PostgreSQL 9, and no programs.*install PostgreSQL 9 beside"):
        EmbeddedPostgres(folder).start()


def test_server_that_cannot_start_says_why(folder: Path) -> None:
    broken = EmbeddedPostgres(folder, ("no_such_setting=1",))
    with pytest.raises(ServiceError, match="no_such_setting"):
        broken.start()


def test_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ServiceError, match=r"file.*Not a directory\. Set TENGU_HOME to a folder"):
        EmbeddedPostgres(tmp_path / "file" / "pg").start()


def test_newest_programs_win() -> None:
    assert find_binaries(None).major >= find_binaries(16).major

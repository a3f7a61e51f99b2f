"""What every test gets: a clean environment, no network beyond this machine, and a database of its own."""

from __future__ import annotations

import ipaddress
import itertools
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tengu.adapters.postgres.database import Database
from tengu.adapters.postgres.embedded import EmbeddedPostgres
from tengu.adapters.postgres.migrate import migrate
from tengu.adapters.postgres.store import store_on
from tengu.ports.store import Store
from tengu.sandbox.engine import is_reachable

_FOREIGN_VARIABLES = ("TENGU_", "AWS_", "SLACK_", "GITHUB_", "DATABASE_URL", "PG")
_numbers = itertools.count(1)


def _refuse_the_network(event: str, arguments: tuple[object, ...]) -> None:
    """An audit hook (PEP 578): sees every socket of Python's, whatever library opens it."""
    if event != "socket.connect" or not isinstance(address := arguments[1], tuple):
        return
    host = str(address[0])
    if host != "localhost" and not ipaddress.ip_address(host).is_loopback:
        raise RuntimeError(f"a test wants to connect to {host}: tests stay on this machine")


sys.addaudithook(_refuse_the_network)


def _engine_is_possible() -> bool:
    """A docker daemon answers, or one can be started here."""
    host = os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"
    programs = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    return is_reachable(host) or (os.geteuid() == 0 and shutil.which("dockerd", path=programs) is not None)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests with a container engine share one worker of xdist: two daemons on one machine fight over its network.

    Where there can be no engine they are skipped; with TENGU_REQUIRE_ENGINE, which CI sets, they run and fail.
    """
    with_engine = [item for item in items if item.get_closest_marker("engine")]
    skip = with_engine and not os.environ.get("TENGU_REQUIRE_ENGINE") and not _engine_is_possible()
    for item in with_engine:
        item.add_marker(pytest.mark.xdist_group("engine"))
        if skip:
            item.add_marker(pytest.mark.skip(reason="no container engine here, and none can be started"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests have counted (`record_property("table: HEADING", row)`), also where xdist ran them."""
    tables: dict[str, list[object]] = {}
    for outcome in ("passed", "failed"):
        for report in terminalreporter.stats.get(outcome, ()):
            for name, row in report.user_properties:
                if name.startswith("table: "):
                    tables.setdefault(name.removeprefix("table: "), []).append(row)
    for heading, rows in tables.items():
        terminalreporter.write_sep("-", "counted")
        for line in (heading, *rows):
            terminalreporter.write_line(str(line))


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of the developer's machine reaches Tengu or an SDK."""
    for name in os.environ:
        if name.startswith(_FOREIGN_VARIABLES):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Connection string of an embedded server; its database `tengu` is migrated and serves as a template."""
    server = EmbeddedPostgres(tmp_path_factory.mktemp("postgres"), ("fsync=off", "full_page_writes=off"))
    dsn = server.start()
    template = Database(dsn, size=1)
    migrate(template)
    yield dsn
    server.stop()


@pytest.fixture
def dsn(postgres: str) -> Iterator[str]:
    """Connection string of a fresh, migrated database."""
    name = f"test_{next(_numbers)}"
    with psycopg.connect(postgres, dbname="postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE tengu".encode())
        yield make_conninfo(postgres, dbname=name)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture
def database(dsn: str) -> Iterator[Database]:
    """A pool on a fresh, migrated database."""
    database = Database(dsn)
    database.open()
    yield database
    database.close()


@pytest.fixture
def store(database: Database) -> Store:
    """All stores on a fresh database."""
    return store_on(database)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An empty TENGU_HOME."""
    return tmp_path / "home"

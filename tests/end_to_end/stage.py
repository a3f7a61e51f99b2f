"""A team's world with Tengu in it, as processes of their own, for stories that run from Slack to the containers."""

from __future__ import annotations

import itertools
import queue
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
from psycopg.conninfo import conninfo_to_dict

from tengu.adapters.postgres.binaries import find_binaries
from tengu.adapters.postgres.cluster import DATABASE, Cluster
from tengu.adapters.postgres.database import Database
from tengu.adapters.postgres.store import store_on
from tengu.domain.deployment import Deployment, Outcome, State
from tengu.errors import ServiceError
from tengu.sandbox.configuration import production, write_configuration
from tengu.sandbox.engine import Engine
from tengu.sandbox.example_app import ChangeSet, Commit
from tengu.sandbox.follow import Follower
from tengu.sandbox.slack import StoredMessage
from tengu.sandbox.slack.workspace import BOT_USER
from tengu.sandbox.tengu_process import TenguProcess
from tengu.sandbox.world import BRANCH, CHANNEL, USERS, World
from tests.end_to_end.site import Site

_numbers = itertools.count(1)
_UNSAID = """
    SELECT (SELECT count(*) FROM outbound WHERE sent_version < version AND gave_up_at IS NULL)
        + (SELECT count(*) FROM inbound WHERE handled_at IS NULL AND gave_up_at IS NULL)
        + (SELECT count(*) FROM deployment WHERE state = 'ended' AND told_at IS NULL) AS count
"""


def page(name: str, author: str = "alice") -> ChangeSet:
    """A small change that works: one more web page."""
    return ChangeSet(f"Add the page {name}", author, (Commit(f"Add {name}", {f"www/{name}.html": f"<p>{name}</p>\n"}),))


class Stage:
    """One world and one Tengu on one database.

    Args:
        world: it is running.
        site: what `check_url` asks.
        tengu: `tengu serve`.
        dsn: its database.
    """

    def __init__(self, world: World, site: Site, tengu: TenguProcess, dsn: str) -> None:
        self.world = world
        self.site = site
        self.tengu = tengu
        self.dsn = dsn
        self.database = Database(dsn, size=2)
        self.database.open()
        self.store = store_on(self.database)
        self.deployments = self.store.deployments
        self._follower = Follower(world.slack, print)

    # --- what people do -------------------------------------------------------------------------------------------

    def say(self, text: str, by: str = "carol") -> str:
        """Somebody writes in the channel; answers with the message's timestamp, the thread's."""
        return self.world.slack.say(USERS[by], CHANNEL, text).ts

    def ask(self, text: str, by: str = "carol") -> str:
        """Somebody writes in the channel; what Tengu answers in the thread."""
        thread = self.say(text, by)
        self.until(lambda: bool(self.replies(thread)), 60, f"an answer to {text}")
        return self.replies(thread)[0].shown()

    def propose(self, *changes: ChangeSet) -> int:
        """Somebody's changes are merged, and carol asks to deploy them; number of the deployment pull request."""
        for change in changes:
            self.world.merge(change)
        thread = self.say("@tengu deploy production")
        self.until(lambda: bool(self.replies(thread)), 60, "the deployment pull request")
        return self.open_pull_request()

    def open_pull_requests(self) -> list[int]:
        """Numbers of the deployment pull requests that are open."""
        pulls = list(self.world.repository.state.pulls.values())
        return [pull.number for pull in pulls if pull.base == BRANCH and pull.closed_at is None]

    def open_pull_request(self) -> int:
        """Number of the one that is open."""
        (number,) = self.open_pull_requests()
        return number

    def merge(self, number: int, by: str = "carol") -> str:
        """Somebody merges it; answers with the merge commit."""
        return self.world.repository.merge(number, by=by)

    def deploy(self, *changes: ChangeSet) -> Deployment:
        """The whole way of some changes, to the end of their deployment."""
        return self.ended(self.merge(self.propose(*changes)))

    # --- what became of it ----------------------------------------------------------------------------------------

    def until(self, condition: Callable[[], bool], timeout: float, what: str) -> None:
        """Wait for it, printing what is said in Slack meanwhile; not while the database is away."""

        def holds() -> bool:
            try:
                return condition()
            except ServiceError:
                return False

        try:
            self._follower.until(holds, timeout, what)
        except TimeoutError:
            print(self.tengu.last_words(40))
            raise

    def of_commit(self, commit: str) -> Deployment | None:
        """The newest deployment of that commit."""
        found = self.deployments.history(limit=20)
        return next((each for each in found if each.commit == commit), None)

    def ended(self, commit: str, timeout: float = 120) -> Deployment:
        """Wait until its deployment has ended and everybody was told."""
        return self.ended_if(lambda each: each.commit == commit, timeout)

    def ended_if(self, wanted: Callable[[Deployment], bool], timeout: float = 120) -> Deployment:
        """Wait until the newest deployment is that one, has ended and everybody was told."""

        def newest() -> Deployment | None:
            return next((each for each in self.deployments.history(limit=1) if wanted(each)), None)

        self.until(lambda: (found := newest()) is not None and found.state is State.ENDED, timeout, "an outcome")
        self.until(self.everything_said, 30, "everybody to be told")
        found = newest()
        assert found is not None
        return found

    def everything_said(self) -> bool:
        """True if nothing waits to be handled or sent."""
        with self.database.transaction("look for work") as connection:
            return bool(connection.execute(_UNSAID.encode()).fetchall()[0]["count"] == 0)

    def messages(self, channel: str = CHANNEL) -> list[StoredMessage]:
        """What Tengu has written there."""
        return [each for each in self.world.slack.messages(channel) if each.user == BOT_USER]

    def replies(self, thread: str) -> list[StoredMessage]:
        """What Tengu has written in that thread."""
        return [each for each in self.messages() if each.thread_ts == thread]

    def status_messages(self, number: int) -> list[StoredMessage]:
        """The status messages of that deployment: one."""
        return [each for each in self.messages() if not each.thread_ts and f"(deployment {number})" in each.shown()]

    def closing_replies(self, number: int) -> list[StoredMessage]:
        """The closing replies of that deployment: one."""
        threads = {each.ts for each in self.status_messages(number)}
        return [each for each in self.messages() if each.thread_ts in threads and f"deployment {number} " in each.text]

    def github_states(self, commit: str) -> list[list[str]]:
        """The states of each GitHub Deployment of that commit."""
        found = self.world.repository.state.deployments.values()
        return [[status.state for status in each.statuses] for each in found if each.sha == commit]

    def let_claims_run_out(self) -> None:
        """What a dead process had claimed is free now, as it would be after a few minutes."""
        with self.database.transaction("let time pass") as connection:
            connection.execute("UPDATE deployment SET lease_until = now() WHERE state = 'running'")
        self.let_rows_be_taken_again()

    def let_rows_be_taken_again(self) -> None:
        """Requests and messages that somebody took and never finished are free now: the same."""
        with self.database.transaction("let time pass") as connection:
            connection.execute("UPDATE inbound SET taken_until = now() WHERE taken_until IS NOT NULL")
            connection.execute("UPDATE outbound SET taken_until = now() WHERE taken_until IS NOT NULL")

    def close(self) -> None:
        """Let go of the database."""
        self.database.close()


def as_url(dsn: str, database: str) -> str:
    """A database of that server as DATABASE_URL names it."""
    server = conninfo_to_dict(dsn)
    return f"postgresql://{server['user']}@/{database}?host={quote(str(server['host']))}"


@contextmanager
def new_database(postgres: str) -> Iterator[str]:
    """Connection string of a fresh, migrated database on the tests' server, for a Tengu of its own process."""
    name = f"stage_{next(_numbers)}"
    with psycopg.connect(postgres, dbname="postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE tengu".encode())
    try:
        yield as_url(postgres, name)
    finally:
        with psycopg.connect(postgres, dbname="postgres", autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


Environments = Callable[[World, Site], Mapping[str, Mapping[str, Any]]]


def checked_production(_world: World, site: Site) -> Mapping[str, Mapping[str, Any]]:
    """The environment `production` with every step."""
    return {"production": production(check_url=site.url, check_field="commit")}


@contextmanager
def on_stage(
    folder: Path,
    engine: Engine | None,
    dsn: str | None,
    environments: Environments = checked_production,
    serve: Sequence[str] = (),
) -> Iterator[Stage]:
    """A world in that folder, and a Tengu in it that runs.

    Args:
        engine: builds and runs for real; None simulates both.
        dsn: DATABASE_URL; None: its embedded server.
        environments: of the tengu.yml.
        serve: more arguments for `tengu serve`.
    """
    with World(folder / "world", engine) as world, Site(world) as site:
        config = write_configuration(world, folder / "tengu.yml", environments(world, site))
        variables = {**world.environment(config, folder / "home"), **({"DATABASE_URL": dsn} if dsn else {})}
        tengu = TenguProcess(variables, folder / "tengu.log", simulated=engine is None, more=serve)
        with tengu:
            world.listen(tengu.url)
            embedded = Cluster(folder / "home" / "postgres", find_binaries(None))
            stage = Stage(world, site, tengu, dsn or embedded.dsn(DATABASE))
            try:
                yield stage
            finally:
                stage.close()


@contextmanager
def on_new_stage(folder: Path, engine: Engine | None, postgres: str) -> Iterator[Stage]:
    """The same, on a database of its own on the tests' server."""
    with new_database(postgres) as dsn, on_stage(folder, engine, dsn) as stage:
        yield stage


class Stages:
    """Worlds that are used again by story after story, by several threads at once; a context manager.

    A world in which a story failed is not used again.
    """

    def __init__(self, make: Callable[[], AbstractContextManager[Stage]]) -> None:
        self._make = make
        self._free: queue.SimpleQueue[Stage] = queue.SimpleQueue()
        self._open = ExitStack()

    def __enter__(self) -> Stages:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    @contextmanager
    def take(self) -> Iterator[Stage]:
        """One that nobody uses."""
        try:
            stage = self._free.get_nowait()
        except queue.Empty:
            stage = self._open.enter_context(self._make())
        yield stage
        self._free.put(stage)


def assert_succeeded(deployment: Deployment) -> None:
    """With the reason why not."""
    assert deployment.outcome is Outcome.SUCCEEDED, f"{deployment.outcome}: {deployment.code} {deployment.reason}"

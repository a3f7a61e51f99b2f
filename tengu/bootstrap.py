"""The composition root: the only place that knows which adapter stands behind which port."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from tengu.adapters.aws.ecr import EcrLogin
from tengu.adapters.aws.ecs import EcsContainerServices
from tengu.adapters.aws.session import Sessions
from tengu.adapters.clock import SystemClock
from tengu.adapters.docker import DockerBuilder
from tengu.adapters.git import GitSourceControl
from tengu.adapters.github import GitHubCodeHost
from tengu.adapters.http_check import HttpHealthCheck
from tengu.adapters.http_probe import HttpProbe
from tengu.adapters.postgres.database import Database
from tengu.adapters.postgres.embedded import EmbeddedPostgres
from tengu.adapters.postgres.migrate import is_current, migrate
from tengu.adapters.postgres.prune import prune
from tengu.adapters.postgres.queue import Queue, Work
from tengu.adapters.postgres.store import store_on
from tengu.adapters.postgres.sweep import Sweep
from tengu.adapters.registry import OciRegistry
from tengu.adapters.slack.chat import SlackChat
from tengu.assembly import Outside, UseCases, assemble
from tengu.config.environment import ProcessSettings
from tengu.config.load import load_settings
from tengu.config.model import Settings
from tengu.errors import ServiceError
from tengu.ports.store import Store
from tengu.secret import Secret
from tengu.usecases.readiness import Readiness


@dataclass(frozen=True)
class Tengu:
    """One Tengu, connected to its database.

    Args:
        queue, sweep: the workers; nothing works before they are started.
    """

    settings: Settings
    process: ProcessSettings
    store: Store
    use_cases: UseCases
    queue: Queue
    sweep: Sweep
    readiness: Readiness

    def work_until_stopped(self) -> int:
        """Work in the foreground until SIGTERM or SIGINT; answers with the exit status."""
        self.sweep.start()
        ended = self.queue.run()
        self.sweep.stop()
        if not ended:
            os._exit(0)  # Python would wait for its threads; what they had is taken up elsewhere
        return 0


def connect(process: ProcessSettings) -> Outside:
    """The real ones. Nothing is connected yet: they are made while the services are down, too."""
    sessions = Sessions()
    return Outside(
        chat=SlackChat(process.slack_bot_token or Secret(""), process.slack_api_url),
        code_host=_github(process),
        builder=DockerBuilder(),
        source_control=GitSourceControl(),
        registry=OciRegistry(EcrLogin(sessions)),
        services=EcsContainerServices(sessions),
        health=HttpHealthCheck(),
        clock=SystemClock(),
    )


def _github(process: ProcessSettings) -> GitHubCodeHost:
    url = process.github_api_url
    if process.github_app_id is not None and process.github_app_private_key is not None:
        return GitHubCodeHost.with_app(str(process.github_app_id), process.github_app_private_key, url)
    return GitHubCodeHost.with_token(process.github_token or Secret(""), url)


def web_url(api_url: str) -> str:
    """Where GitHub's pages are: beside the API, or on github.com."""
    if api_url == "https://api.github.com":
        return "https://github.com"
    return api_url.removesuffix("/api/v3")


def build(
    settings: Settings, process: ProcessSettings, database: Database, outside: Outside, *, plain_names: bool = False
) -> Tengu:
    """Put one Tengu together on an open, migrated database."""
    store = store_on(database)
    use_cases = assemble(
        settings, store, outside, home=process.home, web=web_url(process.github_api_url), plain_names=plain_names
    )
    sweep = Sweep(database)
    work = Work(
        handle_inbound=use_cases.handle_inbound,
        advance=use_cases.advance,
        send_messages=partial(_send, use_cases),
        remind=use_cases.remind,
        reconcile=use_cases.reconcile.everything,
        prune=partial(_prune, database, settings, use_cases),
        hand_over=use_cases.advance.hand_over,
    )
    probes = {
        "github": HttpProbe("GitHub", process.github_api_url),
        "slack": HttpProbe("Slack", process.slack_api_url + "api.test"),
    }
    process.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    readiness = Readiness(partial(_check, database), sweep.age, process.home, probes, outside.clock)
    return Tengu(settings, process, store, use_cases, Queue(database.dsn, work), sweep, readiness)


def _send(use_cases: UseCases) -> None:
    use_cases.send_messages.run()


def _prune(database: Database, settings: Settings, use_cases: UseCases) -> None:
    prune(database, settings.retention)
    use_cases.advance.prune_work_folders()


def _check(database: Database) -> None:
    if not is_current(database):
        raise ServiceError("PostgreSQL", "migrate", "the schema is not this version's", advice="Restart `tengu serve`.")


@contextmanager
def open_database(process: ProcessSettings) -> Iterator[Database]:
    """The database, started if it is the embedded one, and migrated.

    Raises:
        ServiceError: it cannot be reached or migrated.
    """
    embedded = EmbeddedPostgres(process.home / "postgres") if process.database_url is None else None
    dsn = embedded.start() if embedded else process.database_url.reveal() if process.database_url else ""
    database = Database(dsn)
    try:
        database.open()
        migrate(database)
        yield database
    finally:
        database.close()
        if embedded:
            embedded.stop()


@contextmanager
def open_tengu(
    config: Path, *, needs: Literal["database", "work", "serve"] = "database", plain_names: bool = False
) -> Iterator[Tengu]:
    """Read configuration and environment, start or reach the database, and close everything in the end.

    Args:
        needs: what must be configured: `database` (commands), `work` (workers too), `serve` (HTTP too).
        plain_names: people are not looked up in Slack for answers.

    Raises:
        ConfigurationError: everything that is wrong, at once.
        ServiceError: the database cannot be reached.
    """
    settings, process = load_settings(config), ProcessSettings.from_environment()
    {"database": process.for_database, "work": process.for_work, "serve": process.for_serve}[needs]()
    with open_database(process) as database:
        yield build(settings, process, database, connect(process), plain_names=plain_names)

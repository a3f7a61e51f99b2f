"""The whole Tengu in one process, on the stand-ins and a real database, with time that is moved by hand.

Webhooks and Slack's requests come in as signed HTTP. No worker runs: `settle` does by hand what the queue would do,
until nothing is left to do.
"""

from __future__ import annotations

import itertools
import shutil
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from psycopg.conninfo import conninfo_to_dict

from handlers.app import create_app
from tengu.adapters.aws.ecs import EcsContainerServices
from tengu.adapters.github import GitHubCodeHost
from tengu.adapters.postgres.database import Database
from tengu.adapters.registry import OciRegistry
from tengu.assembly import Outside
from tengu.bootstrap import Tengu, build, connect
from tengu.config.environment import ProcessSettings
from tengu.config.load import load_settings
from tengu.domain.deployment import Deployment
from tengu.ports.code_host import CloneAccess
from tengu.ports.image import Checkout
from tengu.ports.store import Event, Store
from tengu.sandbox.aws.stand_in import AwsStandIn
from tengu.sandbox.configuration import production, write_configuration
from tengu.sandbox.github.model import Method
from tengu.sandbox.github.repo import RepositoryStandIn
from tengu.sandbox.server import Server
from tengu.sandbox.simulated_builder import SimulatedBuilder
from tengu.sandbox.slack.transcript import readable
from tengu.sandbox.slack.workspace import BOT_USER, StoredMessage
from tengu.sandbox.world import BRANCH, CHANNEL, CLUSTER, USERS, World
from tengu.usecases.engine.deployment_run import Pauses
from tengu.usecases.steps.pace import Pace

FAST = Pace(first=0.01, later=0.02, slow_after=1.0, find_for=0.5, going_back=0.5)
IMPATIENT = Pauses(patience=0.2, first=0.02, longest=0.05, report=0.02)
WEB, PRODUCTION = "web", "production"
WEB_SERVICE, WORKER_SERVICE = (
    {"cluster": CLUSTER, "service": service, "containers": ["app"]} for service in ("web", "worker")
)


@dataclass
class MovedClock:
    """The real time, moved forward by hand; or, once it was set, time that stands still."""

    ahead: timedelta = timedelta()
    stands_at: datetime | None = None

    def now(self) -> datetime:
        return self.stands_at or datetime.now(UTC) + self.ahead

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead.total_seconds()

    def sleep(self, seconds: float) -> None:
        self.move(timedelta(seconds=seconds))

    def move(self, length: timedelta) -> None:
        """So much time passes at once."""
        self.ahead += length
        if self.stands_at:
            self.stands_at += length

    def set(self, moment: datetime) -> None:
        """It is that moment, until it is set or moved again."""
        self.stands_at = moment.astimezone(UTC)


@dataclass(frozen=True)
class QuickCheckout:
    """The port `SourceControl`, past git: the files come straight out of the stand-in's repository."""

    repository: RepositoryStandIn

    def checkout(self, access: CloneAccess, commit: str, folder: Path, stop: threading.Event) -> Checkout:
        shutil.rmtree(folder, ignore_errors=True)
        for path, text in self.repository.files(commit).items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)
        recorded = self.repository.state.store.commit(commit)
        return Checkout(folder, commit, recorded.tree, recorded.committer.at.astimezone(UTC))


@dataclass(frozen=True)
class Amazon:
    """AWS and Tengu's ways to it, shared by all stories because they are slow to make."""

    stand_in: AwsStandIn
    services: EcsContainerServices
    registry: OciRegistry


class Story:
    """One team, its GitHub, Slack and AWS, and one Tengu."""

    def __init__(self, folder: Path, amazon: Amazon, database: Database) -> None:
        self.clock = MovedClock()
        self.world = World(folder, None, self.clock.now, amazon.stand_in)
        self.database = database
        self.environments: dict[str, dict[str, Any]] = {PRODUCTION: production(migrate=None, services=[WEB_SERVICE])}
        self._amazon = amazon
        self._code_hosts: list[GitHubCodeHost] = []
        self._numbers = itertools.count(1)

    def __enter__(self) -> Story:
        self.world.__enter__()
        self.repository = self.world.repository
        self.slack = self.world.slack.workspace
        self.configure()

        async def door(scope: Any, receive: Any, send: Any) -> None:
            await self._app(scope, receive, send)  # another one after `configure`

        self._server = Server(door).start()
        self.url = self._server.url
        self.world.listen(self.url)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop()
        for code_host in self._code_hosts:
            code_host.close()
        self.world.__exit__(None, None, None)

    # --- Tengu --------------------------------------------------------------------------------------------

    def configure(self, **changes: Any) -> None:
        """Start Tengu anew with these keys of `production` changed."""
        self.environments[PRODUCTION] |= changes
        self.config = write_configuration(self.world, self.world.folder / "tengu.yml", self.environments)
        self.tengu = self.another()
        self._app = create_app(self.tengu)

    def another(self) -> Tengu:
        """One more process on the same database."""
        home = self.world.folder / "home"
        self.environment = {**self.world.environment(self.config, home), "DATABASE_URL": _url(self.database.dsn)}
        process = ProcessSettings.from_environment(self.environment)
        return build(load_settings(self.config), process, self.database, self._outside(process))

    def _outside(self, process: ProcessSettings) -> Outside:
        assert process.github_app_id and process.github_app_private_key
        code_host = GitHubCodeHost.with_app(
            str(process.github_app_id), process.github_app_private_key, process.github_api_url,
            seconds_between_writes=0, retry_waits=(),
        )  # fmt: skip
        self._code_hosts.append(code_host)
        return replace(
            connect(process), code_host=code_host, builder=SimulatedBuilder(),
            source_control=QuickCheckout(self.repository), services=self._amazon.services,
            registry=self._amazon.registry, clock=self.clock, pace=FAST, pauses=IMPATIENT,
        )  # fmt: skip

    @property
    def store(self) -> Store:
        """Everything that is recorded."""
        return self.tengu.store

    def settle(self) -> None:
        """Let Tengu do everything there is to do now. What failed and waits for its retry is left."""
        self.world.github.webhooks.wait_idle()
        while self._work():
            self.world.github.webhooks.wait_idle()

    def _work(self) -> bool:
        cases = self.tengu.use_cases
        keys = self.open_requests()
        for key in keys:
            cases.handle_inbound(key)
        ran = cases.advance()
        # Edits of one message keep three seconds' distance.
        self.execute("UPDATE outbound SET sent_at = sent_at - interval '3 seconds' WHERE sent_version < version")
        return bool(cases.send_messages.run()) or ran or bool(keys)

    def open_requests(self) -> list[str]:
        """Keys of what came in and is to be handled now."""
        rows = self.execute(
            "SELECT key FROM inbound WHERE handled_at IS NULL AND gave_up_at IS NULL "
            "AND coalesce(retry_at, taken_until, now()) <= now() ORDER BY received_at, key"
        )
        return [row["key"] for row in rows]

    def execute(self, query: str, *values: object) -> list[dict[str, Any]]:
        """One statement on Tengu's database."""
        with self.database.transaction("tell a story") as connection:
            cursor = connection.execute(query.encode(), values)
            return cursor.fetchall() if cursor.description else []

    def looks(self) -> None:
        """The minute is full: Tengu looks at the branches and at the reminders."""
        self.tengu.use_cases.reconcile.everything()
        self.tengu.use_cases.remind()
        self.settle()

    def passes(self, **length: float) -> None:
        """So much time passes, like `hours=2`; retries are due, then the minute is full."""
        self.clock.move(timedelta(**length))
        self.retry()
        self.looks()

    def retry(self) -> None:
        """What failed and waits is due now."""
        self.execute("UPDATE inbound SET retry_at = now() WHERE retry_at > now()")
        self.execute("UPDATE outbound SET retry_at = now() WHERE retry_at > now()")
        self.settle()

    # --- people -------------------------------------------------------------------------------------------

    def says(self, who: str, text: str, channel: str = CHANNEL) -> str:
        """Somebody writes `@tengu text` in a channel; answers with what Tengu replied in the thread."""
        delivery = self.world.slack.say(USERS.get(who, who), channel, f"@tengu {text}")
        self.settle()
        return self._replies(channel, delivery.ts)

    def writes(self, who: str, text: str) -> str:
        """Somebody writes to Tengu directly; answers with what it replied."""
        before = len(self.direct(who))
        self.world.slack.dm(USERS.get(who, who), text)
        self.settle()
        return "\n".join(self.direct(who)[before:])

    def types(self, who: str, text: str, channel: str = CHANNEL) -> str:
        """Somebody types `/tengu text`; answers with what that person then sees in the app's channel."""
        before = len(self.world.slack.messages(CHANNEL))
        self.world.slack.slash(USERS.get(who, who), channel, text)
        self.settle()
        return "\n".join(self.read(message) for message in self.world.slack.messages(CHANNEL)[before:])

    def presses(self, who: str, message: StoredMessage, label: str) -> str:
        """Somebody presses the button with that label; answers with what Tengu said in that place since."""
        button = next(
            element
            for block in message.blocks
            if block["type"] == "actions"
            for element in block["elements"]
            if element["text"]["text"] == label
        )
        before = len(self.world.slack.messages(message.channel))
        self.world.slack.press(USERS[who], message.channel, message.ts, button["action_id"], button.get("value"))
        self.settle()
        return "\n".join(self.read(each) for each in self.world.slack.messages(message.channel)[before:])

    def change(self, title: str = "", by: str = "alice", method: Method = "merge", merged_by: str = "bob") -> int:
        """A pull request with one new file is merged into master; answers with its number."""
        number = next(self._numbers)
        pull = self.repository.open_pull_request(title or f"Change {number}", {f"file-{number}": "text\n"}, by=by)
        self.repository.merge(pull.number, by=merged_by, method=method)
        return pull.number

    def opens(self, who: str = "carol") -> int:
        """Somebody asks for the deployment pull request; answers with its number."""
        answer = self.says(who, "deploy production")
        assert "Opened" in answer or "Refreshed" in answer, answer
        return self.deployment_pull_request

    def merges(self, who: str, number: int | None = None, method: Method = "merge") -> str:
        """Somebody presses Merge on the (newest) deployment pull request; answers with the merge commit."""
        commit = self.repository.merge(number or self.deployment_pull_request, by=who, method=method)
        self.settle()
        return commit

    def deploys(self, who: str = "carol") -> Deployment:
        """A change goes the whole way; answers with its deployment."""
        self.change()
        self.opens(who)
        self.merges(who)
        return self.last

    # --- looking ------------------------------------------------------------------------------------------

    @property
    def deployment_pull_request(self) -> int:
        """Number of the newest pull request into the deployment branch."""
        return max(number for number, pull in self.repository.state.pulls.items() if pull.base == BRANCH)

    @property
    def open_pull_requests(self) -> list[int]:
        """Numbers of the open pull requests into the deployment branch."""
        pulls = self.repository.state.pulls
        return [number for number, pull in pulls.items() if pull.base == BRANCH and pull.state == "open"]

    def body(self, number: int | None = None) -> str:
        """Body of the (newest) deployment pull request."""
        return self.repository.pull_request(number or self.deployment_pull_request).body

    @property
    def deployments(self) -> tuple[Deployment, ...]:
        """All of them, oldest first."""
        return tuple(reversed(self.store.deployments.history(limit=100)))

    @property
    def last(self) -> Deployment:
        """The newest deployment."""
        return self.deployments[-1]

    def outcomes(self) -> list[str]:
        """How they ended, or their state, oldest first."""
        return [str(each.outcome or each.state) for each in self.deployments]

    def events(self, action: str) -> list[Event]:
        """What is recorded of that action, oldest first."""
        return [event for event in reversed(self.store.events.events(limit=200)) if event.action == action]

    def runs(self) -> Mapping[str, str]:
        """Service -> image that ECS runs."""
        return self.world.running()

    def read(self, message: StoredMessage) -> str:
        """A message as people read it."""
        return readable(self.slack, message.shown())

    def said(self, channel: str = CHANNEL, *, thread: bool | None = None) -> list[str]:
        """What Tengu said in a channel; only in threads, or only outside of them."""
        return [
            self.read(each)
            for each in self.world.slack.messages(channel)
            if each.user == BOT_USER and thread in (None, bool(each.thread_ts))
        ]

    def message(self, part: str, channel: str = CHANNEL) -> StoredMessage:
        """The newest message of Tengu's with that in it."""
        found = [each for each in self.world.slack.messages(channel) if part in self.read(each)]
        assert found, f"nobody said {part!r} in:\n" + "\n".join(self.transcript(channel))
        return found[-1]

    def direct(self, who: str) -> list[str]:
        """What Tengu wrote to that person."""
        return self.said("D" + USERS.get(who, who)[1:])

    def transcript(self, channel: str = CHANNEL) -> list[str]:
        """The whole channel."""
        return self.world.slack.transcript(channel)

    def _replies(self, channel: str, ts: str) -> str:
        messages = self.world.slack.messages(channel)
        return "\n".join(self.read(each) for each in messages if each.thread_ts == ts and each.user == BOT_USER)


def _url(dsn: str) -> str:
    """A connection string as `DATABASE_URL` is written."""
    parts = conninfo_to_dict(dsn)
    return f"postgresql:///{parts.pop('dbname')}?{urlencode(parts)}"

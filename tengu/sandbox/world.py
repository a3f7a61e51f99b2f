"""Everything a team has before Tengu comes, on this machine: people, a repository, a Slack channel, an ECS cluster."""

from __future__ import annotations

import io
import json
import tarfile
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

from tengu.sandbox import example_app
from tengu.sandbox.aws.cluster import create_cluster, create_repository, create_service
from tengu.sandbox.aws.stand_in import AwsStandIn
from tengu.sandbox.engine import Engine, api
from tengu.sandbox.example_app import ChangeSet
from tengu.sandbox.example_changes import AUTHORS, BOT
from tengu.sandbox.github.model import App
from tengu.sandbox.github.repo import RepositoryStandIn
from tengu.sandbox.github.stand_in import GitHubStandIn
from tengu.sandbox.slack import Person, SlackStandIn
from tengu.sandbox.slack.workspace import BOT_TOKEN, SIGNING_SECRET

REPOSITORY = "acme/web"
CHANNEL = "C0DEPLOY"
CLUSTER = "prod"
SERVICES = {"web": "bin/serve", "worker": "bin/worker"}
WEBHOOK_SECRET = "sandbox-webhook-secret"
BRANCH = "deployment/production"
USERS = {login: f"U0{login.upper()}" for login in AUTHORS}


def real_time() -> datetime:
    """What time it is; aware, UTC."""
    return datetime.now(UTC)


class World:
    """GitHub, Slack and AWS with the example application in them; a context manager.

    Args:
        folder: an empty folder for everything that is kept on disk.
        engine: runs tasks as containers; None: tasks are simulated.
        now: what time GitHub thinks it is.
        aws: one that runs already and is empty; None starts one of its own.
    """

    def __init__(
        self,
        folder: Path,
        engine: Engine | None,
        now: Callable[[], datetime] = real_time,
        aws: AwsStandIn | None = None,
    ) -> None:
        (folder / "github").mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.engine = engine
        self.github = GitHubStandIn(folder / "github", now=now)
        self.slack = SlackStandIn()
        self._has_own_aws = aws is None
        self.aws = aws or AwsStandIn(folder / "aws", engine.host if engine else None)
        self._open = ExitStack()

    def __enter__(self) -> World:
        for part in (self.github, self.slack, *((self.aws,) if self._has_own_aws else ())):
            self._open.enter_context(part)
        self.app: App = self.github.app("tengu")
        self.github.account(BOT, "Bot")
        for login, user in USERS.items():
            self.github.account(login, email=f"{login}@example.com")
            self.slack.workspace.add_person(Person(user, login, f"{login}@example.com"))
        self.slack.workspace.add_channel(CHANNEL, "deploys", USERS.values())
        self.repository: RepositoryStandIn = self.github.repository(REPOSITORY, example_app.files(), by="alice")
        self.repository.branch(BRANCH)
        self._create_services()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def merge(self, change: ChangeSet) -> int:
        """Somebody opens a pull request with that change and merges it; answers with its number."""
        number = max(self.repository.state.pulls, default=0) + 1
        head = f"change-{number}"
        for commit in change.commits:
            self.repository.commit(head, commit.files, commit.message, by=change.author)
        self.repository.open_pull_request(change.title, by=change.author, body=change.body, head=head)
        self.repository.label(number, *change.labels)
        self.repository.merge(number, by=change.merged_by or change.author, method=change.method)
        return number

    def listen(self, url: str) -> None:
        """From now on Slack and GitHub send to a Tengu at that address."""
        self.slack.people.url = f"{url}/slack/events"
        self.github.send_webhooks(f"{url}/github/webhook", WEBHOOK_SECRET, frozenset({"pull_request", "push"}))

    def environment(self, config: Path, home: Path) -> Mapping[str, str]:
        """The variables of a Tengu in this world."""
        return {
            "TENGU_CONFIG": str(config),
            "TENGU_HOME": str(home),
            "GITHUB_API_URL": self.github.url,
            "GITHUB_APP_ID": str(self.app.id),
            "GITHUB_APP_PRIVATE_KEY": self.app.private_key,
            "GITHUB_WEBHOOK_SECRET": WEBHOOK_SECRET,
            "SLACK_API_URL": self.slack.api_url,
            "SLACK_BOT_TOKEN": BOT_TOKEN,
            "SLACK_SIGNING_SECRET": SIGNING_SECRET,
            **self.aws.environment,
            **({"DOCKER_HOST": self.engine.host} if self.engine else {}),
        }

    def running(self) -> Mapping[str, str]:
        """Service -> image that its task definition in force names."""
        ecs = self.aws.client("ecs")
        described = ecs.describe_services(cluster=CLUSTER, services=list(SERVICES))["services"]
        images = {}
        for service in described:
            definition = ecs.describe_task_definition(taskDefinition=service["taskDefinition"])["taskDefinition"]
            images[service["serviceName"]] = definition["containerDefinitions"][0]["image"]
        return images

    def _create_services(self) -> None:
        """What ran before: the first commit's image, by tag, as teams have it before they meet Tengu."""
        create_cluster(self.aws, CLUSTER)
        self.image = create_repository(self.aws, "web")
        first = f"{self.image}:first"
        if self.engine:
            _build_and_push(self.engine, self.repository.files("master"), first)
        for service, command in SERVICES.items():
            create_service(self.aws, CLUSTER, service, first, desired=2 if service == "web" else 1, command=[command])


def _build_and_push(engine: Engine, files: Mapping[str, str], image: str) -> None:
    """Through the engine's own HTTP API (https://docs.docker.com/reference/api/engine/), as somebody's CI did."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for path, text in files.items():
            entry = tarfile.TarInfo(path)
            content = text.encode()
            entry.size, entry.mode = len(content), 0o755 if text.startswith("#!") else 0o644
            tar.addfile(entry, io.BytesIO(content))
    nobody = {"X-Registry-Auth": urlsafe_b64encode(b"{}").decode()}
    name, _, tag = image.rpartition(":")
    with api(engine.host, timeout=120) as client:
        built = client.post("/build", params={"t": image}, content=archive.getvalue())
        pushed = client.post(f"/images/{name}/push", params={"tag": tag}, headers=nobody)
    for answer in (built, pushed):
        last = json.loads(answer.text.strip().splitlines()[-1])
        if "error" in last:
            raise RuntimeError(f"The example's first image could not be made: {last['error']}")

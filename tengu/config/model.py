"""tengu.yml as frozen values: one class for each level, one description and one default for each key.

The keys, their defaults and their meaning are the public interface (README and `tengu.example.yml`).
The descriptions become the JSON Schema that `tengu config schema` prints.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tengu.config.fields import (
    Address,
    ArgumentName,
    Branch,
    Branches,
    Channel,
    Deployer,
    Duration,
    HoursText,
    ImageRepository,
    ListOf,
    Login,
    MapOf,
    MomentText,
    Name,
    NonEmptyListOf,
    NonEmptyMapOf,
    NonEmptyText,
    PathInside,
    Platform,
    Region,
    Repository,
    RoleArn,
    RollbackSafe,
    SecretSource,
    SlackUser,
    Tag,
    TimeZone,
)
from tengu.domain.freeze import WEEKDAYS, FreezeWindow, parse_freeze
from tengu.domain.reminders import ReminderRule, parse_hours


class Model(BaseModel):
    """A level of tengu.yml: frozen, and strict about types and keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, populate_by_name=True)


def _none() -> Mapping[Any, Any]:
    return MappingProxyType({})


class CodeBuild(Model):
    """Where CodeBuild builds the image."""

    project: NonEmptyText | None = Field(default=None, description="Name of the CodeBuild project.")


class Image(Model):
    """How the image is made and where it goes."""

    repository: ImageRepository = Field(
        description="Image repository, without a tag.",
        examples=["123456789012.dkr.ecr.ap-northeast-1.amazonaws.com/web"],
    )
    builder: Literal["docker", "buildah", "codebuild", "existing"] = Field(
        default="docker", description="What builds the image; `existing`: CI pushes it, Tengu waits for the tag."
    )
    context: PathInside = Field(default=".", description="Build context, a path inside the repository.")
    dockerfile: PathInside = Field(default="Dockerfile", description="The Dockerfile, a path inside the repository.")
    target: NonEmptyText | None = Field(
        default=None, description="Stage of the Dockerfile to build; none: the last one."
    )
    platform: Platform = Field(default="linux/amd64", description="Platform to build for.")
    tag: Tag = Field(
        default="{sha}",
        description="Tag of the image: {sha} is the commit being deployed, {source_sha} the source head that was "
        "merged (push: the commit itself), {tree} its tree.",
    )
    build_args: MapOf[ArgumentName, str] = Field(
        default_factory=_none, description="Build arguments; values take {sha}, {source_sha} and {tree}, as `tag` does."
    )
    secrets: MapOf[str, SecretSource] = Field(
        default_factory=_none, description="Build secrets: id -> environment variable or ssm:/name."
    )
    role_arn: RoleArn | None = Field(
        default=None, description="Role to assume where the registry lives in another account."
    )
    wait_timeout: Duration = Field(
        default=timedelta(minutes=20), description="builder existing: how long to wait for the tag."
    )
    codebuild: CodeBuild = Field(default=CodeBuild(), description="builder codebuild: where it builds.")


class Migrate(Model):
    """A one-off task on the new revision before any service changes."""

    cluster: NonEmptyText = Field(description="ECS cluster it runs in.", examples=["prod"])
    service: NonEmptyText = Field(
        description="ECS service whose network and task definition it takes.", examples=["web"]
    )
    container: NonEmptyText = Field(description="Container that runs the command.", examples=["app"])
    command: NonEmptyListOf[str] = Field(description="The command, word by word.", examples=[["bin/migrate"]])
    timeout: Duration = Field(default=timedelta(minutes=30), description="How long it may take; then it is stopped.")
    rollback_safe: RollbackSafe = Field(default="ask", description="May code be rolled back after this ran?")


class Service(Model):
    """One ECS service and the containers whose image changes."""

    cluster: NonEmptyText = Field(description="ECS cluster.", examples=["prod"])
    service: NonEmptyText = Field(description="ECS service.", examples=["web"])
    containers: NonEmptyListOf[NonEmptyText] = Field(
        description="Containers that get the new image; the others keep theirs.", examples=[["app"]]
    )
    task_definition: PathInside = Field(
        default="running", description="Which task definition is copied: running, latest, or a path in the repository."
    )
    ignore_fields: ListOf[NonEmptyText] = Field(
        default=(),
        description="Fields of the task definition that may be lost where this version of boto3 knows them not.",
    )


class Verification(Model):
    """Who ticks, and when they are reminded."""

    mention: Literal["author", "assignees", "merger"] = Field(
        default="author",
        description="Whose tick is asked for: of the merged pull request's author, assignees or merger.",
    )
    remind_every: Duration = Field(default=timedelta(hours=2), description="Time between two pings of one person.")
    remind_from: Literal["opened", "deployed"] = Field(
        default="opened", description="Pings start when the deployment pull request is opened, or when it is deployed."
    )
    remind_until: Duration = Field(default=timedelta(days=7), description="Then one summary, and silence.")
    ping: Literal["dm", "thread"] = Field(
        default="dm", description="By direct message, or in the thread of the deployment pull request's message."
    )
    hours: HoursText = Field(
        default="09:00-19:00",
        description='When people may be pinged, in their own Slack time zone; "always" switches hours and days off.',
    )
    days: NonEmptyListOf[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]] = Field(
        default=("mon", "tue", "wed", "thu", "fri"), description="Days on which people may be pinged."
    )
    require: bool = Field(
        default=False,
        description="true: what is merged before every box is ticked is held, and a commit status says so.",
    )

    @property
    def reminder_rule(self) -> ReminderRule:
        """The same as the reminder rule takes it."""
        days = frozenset(WEEKDAYS.index(day) for day in self.days)
        return ReminderRule(self.remind_every, self.remind_until, parse_hours(self.hours), days)


class Freeze(Model):
    """A window in which nobody deploys: every week (`fri 16:00`) or once (`2026-12-29 18:00`)."""

    from_: MomentText = Field(
        alias="from", description="Beginning: a weekday or a date, and a time.", examples=["fri 16:00"]
    )
    to: MomentText = Field(description="End, of the same kind.", examples=["mon 08:00"])
    why: str = Field(default="", description="What people are told.")

    @property
    def window(self) -> FreezeWindow:
        """The same as the freeze rule takes it."""
        return parse_freeze(self.from_, self.to, self.why)


class Environment(Model):
    """A named place an app runs in."""

    source: Branch = Field(default="master", description="Source branch: where work is merged.")
    branch: Branches = Field(
        default="",
        description="Deployment branch, by default deployment/ENVIRONMENT; with deploy_on: push also a list.",
    )
    deploy_on: Literal["merge", "push"] = Field(
        default="merge", description="Deploy on the merge of a pull request into `branch`, or on every push to it."
    )
    catch_up: Duration = Field(
        default=timedelta(hours=1), description="A merge that is found later than this is held, not started."
    )
    region: Region | None = Field(
        default=None, description="AWS region; none: what boto3 finds.", examples=["ap-northeast-1"]
    )
    role_arn: RoleArn | None = Field(default=None, description="Role to assume for this environment's AWS calls.")
    variables: MapOf[str, str] = Field(
        default_factory=_none, description="What a task definition file in the repository may use."
    )
    image: Image = Field(description="Keys of the app's `image` that differ here.")
    migrate: Migrate | None = Field(
        default=None, description="One-off task on the new revision before any service changes."
    )
    services: NonEmptyListOf[Service] = Field(
        description="ECS services that are rolled out together.",
        examples=[[{"cluster": "prod", "service": "web", "containers": ["app"]}]],
    )
    rollout_timeout: Duration = Field(default=timedelta(minutes=20), description="How long a rollout may take.")
    rollback_on_failure: bool = Field(default=True, description="true: one service failed, and all go back.")
    check_url: Address | None = Field(default=None, description="Address that must answer 2xx after the rollout.")
    check_field: NonEmptyText | None = Field(
        default=None, description="JSON field of check_url's answer that must equal the commit."
    )
    verification: Verification = Field(default=Verification(), description="Who ticks, and when they are reminded.")
    deployers: ListOf[Deployer] = Field(
        default=(), description="Slack users and user groups who may deploy; empty: every full member in the channel."
    )
    freezes: ListOf[Freeze] = Field(default=(), description="Windows in which nobody deploys.")

    @property
    def branches(self) -> tuple[str, ...]:
        """The deployment branch, or branches where a push environment has several."""
        return (self.branch,) if isinstance(self.branch, str) else self.branch


class App(Model):
    """One deployable application."""

    repository: Repository = Field(description="owner/name on GitHub.", examples=["acme/web"])
    channel: Channel = Field(
        description="Slack channel, id or #name, that hears of every deployment.", examples=["C0DEPLOY"]
    )
    paths: ListOf[PathInside] = Field(default=(), description="Monorepo: only pull requests that touch these.")
    environments: NonEmptyMapOf[Name, Environment] = Field(description="The places it runs in, by name.")

    @model_validator(mode="before")
    @classmethod
    def _name_branches(cls, data: Any) -> Any:
        """An environment that names no branch has `deployment/ENVIRONMENT`."""
        environments = data.get("environments") if isinstance(data, Mapping) else None
        if not isinstance(environments, Mapping):
            return data
        named = {
            name: {"branch": f"deployment/{name}", **env} if isinstance(env, Mapping) else env
            for name, env in environments.items()
        }
        return {**data, "environments": named}


class Settings(Model):
    """The whole of tengu.yml, with every environment's `image` laid over the app's."""

    language: Literal["en", "ja"] = Field(default="en", description="The language Tengu speaks.")
    timezone: TimeZone = Field(default="UTC", description="Time zone of freezes and of times in messages.")
    retention: Duration = Field(
        default=timedelta(days=90), description="How long logs, events and deliveries are kept."
    )
    apps: NonEmptyMapOf[Name, App] = Field(description="The applications, by name.")
    users: MapOf[Login, SlackUser] = Field(
        default_factory=_none,
        description="GitHub login -> Slack user id; the rest by `link` and, for pings, by e-mail.",
    )

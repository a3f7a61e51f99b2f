"""tengu.yml as frozen values: one class for each level, one comment and one default for each key.

The keys, their defaults and their meaning are the public interface (README and `tengu.example.yml`).
Field descriptions become the JSON Schema that `tengu config schema` prints.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from tengu.domain.duration import parse_duration

Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    WithJsonSchema({"type": "string", "pattern": r"^[1-9][0-9]*(s|m|h|d)$", "examples": ["90s", "2h"]}),
]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, populate_by_name=True)


class CodeBuild(_Model):
    """Where CodeBuild builds the image."""

    project: str | None = None


class Image(_Model):
    """How the image is made and where it goes."""

    repository: str
    builder: Literal["docker", "buildah", "codebuild", "existing"] = "docker"
    context: str = "."
    dockerfile: str = "Dockerfile"
    target: str | None = None
    platform: str = "linux/amd64"
    tag: str = "{sha}"
    build_args: Mapping[str, str] = Field(default_factory=dict)
    secrets: Mapping[str, str] = Field(default_factory=dict)
    role_arn: str | None = None
    wait_timeout: Duration = timedelta(minutes=20)
    codebuild: CodeBuild = CodeBuild()


class Migrate(_Model):
    """A one-off task on the new revision before any service changes."""

    cluster: str
    service: str
    container: str
    command: tuple[str, ...]
    timeout: Duration = timedelta(minutes=30)
    rollback_safe: bool | Literal["ask"] = "ask"


class Service(_Model):
    """One ECS service and the containers whose image changes."""

    cluster: str
    service: str
    containers: tuple[str, ...]
    task_definition: str = "running"
    ignore_fields: tuple[str, ...] = ()


class Verification(_Model):
    """Who ticks, and when they are reminded."""

    mention: Literal["author", "assignees", "merger"] = "author"
    remind_every: Duration = timedelta(hours=2)
    remind_from: Literal["opened", "deployed"] = "opened"
    remind_until: Duration = timedelta(days=7)
    ping: Literal["dm", "thread"] = "dm"
    hours: str = "09:00-19:00"
    days: tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...] = (
        "mon", "tue", "wed", "thu", "fri",
    )  # fmt: skip
    require: bool = False


class Freeze(_Model):
    """A window in which nobody deploys: every week (`fri 16:00`) or once (`2026-12-29 18:00`)."""

    from_: str = Field(alias="from")
    to: str
    why: str = ""


class Environment(_Model):
    """A named place an app runs in."""

    source: str = "master"
    branch: str | tuple[str, ...] = ""
    deploy_on: Literal["merge", "push"] = "merge"
    catch_up: Duration = timedelta(hours=1)
    region: str | None = None
    role_arn: str | None = None
    variables: Mapping[str, str] = Field(default_factory=dict)
    image: Image
    migrate: Migrate | None = None
    services: tuple[Service, ...]
    rollout_timeout: Duration = timedelta(minutes=20)
    rollback_on_failure: bool = True
    check_url: str | None = None
    check_field: str | None = None
    verification: Verification = Verification()
    deployers: tuple[str, ...] = ()
    freezes: tuple[Freeze, ...] = ()

    @property
    def branches(self) -> tuple[str, ...]:
        """The deployment branch, or branches where a push environment has several."""
        return (self.branch,) if isinstance(self.branch, str) else self.branch


class App(_Model):
    """One deployable application."""

    repository: str
    channel: str
    paths: tuple[str, ...] = ()
    environments: Mapping[Name, Environment]


class Settings(_Model):
    """The whole of tengu.yml, with every environment's `image` merged over the app's."""

    language: Literal["en", "ja"] = "en"
    timezone: str = "UTC"
    retention: Duration = timedelta(days=90)
    apps: Mapping[Name, App]
    users: Mapping[str, str] = Field(default_factory=dict)


RawSettings = dict[str, Any]

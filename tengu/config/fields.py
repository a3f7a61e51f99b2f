"""The kinds of values that tengu.yml takes: each says, in one sentence, what to write when it is something else."""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from difflib import get_close_matches
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Literal, TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import (
    AfterValidator,
    BeforeValidator,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainSerializer,
    WithJsonSchema,
)
from pydantic_core import CoreSchema
from pydantic_core.core_schema import no_info_after_validator_function

from tengu.domain.duration import parse_duration
from tengu.domain.freeze import parse_moment
from tengu.domain.reminders import parse_hours

K = TypeVar("K")
T = TypeVar("T")
_SECONDS = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))


def format_duration(value: timedelta) -> str:
    """The shortest way to write it: `90s`, `2h`."""
    seconds = int(value.total_seconds())
    return next(f"{seconds // size}{unit}" for unit, size in _SECONDS if seconds % size == 0)


@dataclass(frozen=True)
class Matching:
    """Text that matches a pattern as a whole; `otherwise` is said of any other."""

    pattern: str
    otherwise: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {**handler(schema), "pattern": f"^({self.pattern})$"}

    def _check(self, value: str) -> str:
        if re.fullmatch(self.pattern, value) is None:
            raise ValueError(self.otherwise)
        return value


def _checked(check: Callable[[str], object]) -> AfterValidator:
    """A validator that keeps the text and lets `check` object."""

    def validate(value: str) -> str:
        check(value)
        return value

    return AfterValidator(validate)


def _repository(value: str) -> str:
    found = re.fullmatch(r"(?:https?://[^/]+/|git@[^:]+:)?([\w.-]+/[\w.-]+?)(?:\.git)?/?", value)
    if found is None:
        raise ValueError("a GitHub repository is written owner/name")
    if found[1] != value:
        raise ValueError(f"a GitHub repository is written owner/name; write {found[1]}")
    return value


def _time_zone(value: str) -> None:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        near = get_close_matches(value, available_timezones(), n=1)
        hint = f"did you mean {near[0]}?" if near else "write one like Asia/Tokyo, Europe/Berlin or UTC"
        raise ValueError(f"there is no such time zone; {hint}") from error


def _branch(value: str) -> str:
    # git-check-ref-format(1), as far as branch names go
    bad = re.search(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|/\.|\.lock(/|$)|^[-./]|[./]$|^@$|^$", value)
    if bad is not None:
        raise ValueError("not a name git takes for a branch")
    if value.startswith("refs/"):
        raise ValueError(f"the name of the branch alone: write {value.removeprefix('refs/heads/')}")
    return value


def _branches(value: object) -> object:
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list | tuple) or not names or not all(isinstance(name, str) for name in names):
        raise ValueError("write the name of a branch; with deploy_on: push a list of names is fine too")
    for name in names:
        _branch(name)
    return value if isinstance(value, str) else tuple(names)


def _inside(value: str) -> None:
    parts = re.split(r"[/\\]", value)
    if not value or value.startswith(("/", "~")) or ".." in parts or "\x00" in value:
        raise ValueError("a path inside the repository, relative to its top: no leading / and no ..")


def _tag(value: str) -> None:
    names = {"sha": "a" * 40, "source_sha": "b" * 40, "tree": "c" * 40}
    try:
        fields = [(name, spec, conversion) for _, name, spec, conversion in string.Formatter().parse(value)]
    except ValueError as error:
        raise ValueError("a brace is not closed; the placeholders are {sha}, {source_sha} and {tree}") from error
    for name, spec, conversion in fields:
        if name is not None and (name not in names or spec or conversion):
            raise ValueError(f"{{{name}}} is no placeholder; there are {{sha}}, {{source_sha}} and {{tree}}")
    # A tag by the OCI distribution specification 1.1, "Pulling manifests"
    if re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}", value.format(**names)) is None:
        raise ValueError("not an image tag: letters, digits, _ . and - only, at most 128 with the placeholders filled")


def _address(value: str) -> None:
    try:
        parts = urlsplit(value)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good or re.search(r"\s", value):
        raise ValueError("an address like https://example.com/healthz")
    if parts.username or parts.password:
        raise ValueError("no user name or password in an address: it is shown to people")


def _platform(value: str) -> None:
    if re.fullmatch(r"(amd64|arm64)", value):
        raise ValueError(f"write the operating system too: linux/{value}")
    if re.fullmatch(r"linux/[a-z0-9_]+(/v[0-9]+)?", value) is None:
        raise ValueError("write a platform like linux/amd64 or linux/arm64")


def _rollback_safe(value: object) -> object:
    if not isinstance(value, bool) and value != "ask":
        raise ValueError("write true, false or ask")
    return value


def _to_tuple(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


class NotEmpty:
    """Text, a list or a mapping with something in it."""

    _JSON: ClassVar = {"string": "minLength", "array": "minItems", "object": "minProperties"}

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        found = handler(schema)
        return {**found, self._JSON[found["type"]]: 1}

    def _check(self, value: T) -> T:
        if not value:
            raise ValueError("may not be empty")
        return value


def _read_only(value: Mapping[K, T]) -> Mapping[K, T]:
    return MappingProxyType(dict(value))


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^[1-9][0-9]{0,5}[smhd]$"}),
]
# In a strict model a tuple takes no list, and YAML knows nothing else.
ListOf = Annotated[tuple[T, ...], BeforeValidator(_to_tuple)]
NonEmptyListOf = Annotated[tuple[T, ...], BeforeValidator(_to_tuple), NotEmpty()]
MapOf = Annotated[Mapping[K, T], AfterValidator(_read_only), PlainSerializer(dict, return_type=dict[str, Any])]
NonEmptyMapOf = Annotated[
    Mapping[K, T],
    NotEmpty(),
    AfterValidator(_read_only),
    PlainSerializer(dict, return_type=dict[str, Any]),
]
NonEmptyText = Annotated[str, NotEmpty()]

Repository = Annotated[str, AfterValidator(_repository)]
TimeZone = Annotated[str, _checked(_time_zone)]
Branch = Annotated[str, AfterValidator(_branch)]
Branches = Annotated[str | tuple[str, ...], BeforeValidator(_branches)]
PathInside = Annotated[str, _checked(_inside)]
Tag = Annotated[str, _checked(_tag)]
Address = Annotated[str, _checked(_address)]
Platform = Annotated[str, _checked(_platform)]
HoursText = Annotated[str, _checked(parse_hours)]
MomentText = Annotated[str, _checked(parse_moment)]
RollbackSafe = Annotated[bool | Literal["ask"], BeforeValidator(_rollback_safe)]

Name = Annotated[
    str,
    Matching(
        "[a-z0-9][a-z0-9_-]{0,62}",
        "a name has small letters, digits, - and _, begins with a letter or digit, and has at most 63 characters",
    ),
]
Channel = Annotated[
    str,
    Matching(
        r"[CG][A-Z0-9]{2,}|#[^\s#A-Z]{1,80}",
        'a Slack channel is its id, like C0DEPLOY, or its name in quotes, like "#deploys"',
    ),
]
ImageRepository = Annotated[
    str,
    Matching(
        r"[a-zA-Z0-9.-]+(:[0-9]+)?(/[a-z0-9]+([._-]+[a-z0-9]+)*)+",
        "an image repository is a registry and a path in small letters, without https:// and without a tag, "
        "like 123456789012.dkr.ecr.ap-northeast-1.amazonaws.com/web",
    ),
]
RoleArn = Annotated[
    str,
    Matching(
        r"arn:aws[a-z-]*:iam::[0-9]{12}:role/\S+",
        "the ARN of an IAM role is written like arn:aws:iam::123456789012:role/tengu",
    ),
]
Region = Annotated[str, Matching(r"[a-z]{2,}(-[a-z]+)+-[0-9]+", "an AWS region is written like ap-northeast-1")]
SlackUser = Annotated[
    str,
    Matching("[UW][A-Z0-9]{2,}", "a Slack user id is written like U012ALICE (profile, three dots, Copy member ID)"),
]
Deployer = Annotated[
    str,
    Matching(
        "[UWS][A-Z0-9]{2,}",
        "write Slack ids: U012ALICE of a person (profile, three dots, Copy member ID), S012OPS of a user group",
    ),
]
Login = Annotated[str, Matching(r"[A-Za-z0-9][A-Za-z0-9_-]*(\[bot\])?", "a GitHub login, without @")]
ArgumentName = Annotated[
    str, Matching("[A-Za-z_][A-Za-z0-9_]*", "a build argument's name has letters, digits and _, no digit first")
]
SecretSource = Annotated[
    str,
    Matching(
        "[A-Za-z_][A-Za-z0-9_]*|ssm:/.+",
        "a build secret comes from an environment variable, NPM_TOKEN, or a parameter, ssm:/name",
    ),
]

"""What tengu.yml may say already, but Tengu cannot do yet. A feature that arrives deletes its row."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tengu.config.yaml_file import Key


@dataclass(frozen=True)
class Later:
    """A use of a key that comes later.

    Args:
        key: the key, `*` for any name or position.
        used: True for the values that mean the feature is wanted.
        instead: one sentence: that it is not there yet, and what to write.
    """

    key: str
    used: Callable[[Any], bool]
    instead: str


_ENVIRONMENT = "apps.*.environments.*"

LATER = (
    Later("language", lambda value: value == "ja", "Japanese is not there yet; write en"),
    Later("apps.*.paths", bool, "monorepo paths are not there yet; leave paths empty: every pull request counts"),
    Later(
        f"{_ENVIRONMENT}.image.builder",
        lambda value: value != "docker",
        "the builders buildah, codebuild and existing are not there yet; write docker",
    ),
    Later(f"{_ENVIRONMENT}.image.secrets", bool, "build secrets are not there yet; leave secrets empty"),
    Later(
        f"{_ENVIRONMENT}.services.*.task_definition",
        lambda value: value != "running",
        "copying another task definition than the one that runs is not there yet; write running",
    ),
    Later(f"{_ENVIRONMENT}.variables", bool, "task definition files are not there yet; leave variables empty"),
    Later(
        f"{_ENVIRONMENT}.verification.require",
        bool,
        "holding a merge until every box is ticked is not there yet; write false",
    ),
    Later(
        f"{_ENVIRONMENT}.verification.ping",
        lambda value: value == "thread",
        "reminders in the thread are not there yet; write dm",
    ),
)


def find_later(data: Mapping[str, Any]) -> Iterator[tuple[Key, str]]:
    """Every use of a feature that is not there yet: the key, and what to write instead.

    Args:
        data: the whole file, valid, each environment's `image` laid over the app's.
    """
    for row in LATER:
        for key, value in _matches(data, row.key.split(".")):
            if row.used(value):
                yield key, row.instead


def _matches(value: Any, pattern: list[str], above: Key = ()) -> Iterator[tuple[Key, Any]]:
    if not pattern:
        yield above, value
        return
    pairs = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    for name, item in pairs:
        if pattern[0] in ("*", name):
            yield from _matches(item, pattern[1:], (*above, name))

"""Reads tengu.yml: all problems at once, each with file, line, column, key, and what to write instead."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tengu.config.checks import check_rules
from tengu.config.errors import ConfigurationError, Problem
from tengu.config.explain import explain_all, problem_at
from tengu.config.model import Image, Settings
from tengu.config.unsupported import find_later
from tengu.config.yaml_file import Document, read_yaml


@dataclass(frozen=True)
class Loaded:
    """A valid file.

    Args:
        later: uses of features that are not there yet; Tengu does not start with any.
    """

    settings: Settings
    later: tuple[Problem, ...]


def load_settings(path: Path) -> Settings:
    """Read the settings that Tengu runs by.

    Raises:
        ConfigurationError: the file is wrong, or wants what is not there yet.
    """
    loaded = read_settings(path)
    if loaded.later:
        raise ConfigurationError(loaded.later)
    return loaded.settings


def read_settings(path: Path) -> Loaded:
    """Read a file and check it, without asking whether every feature it wants is there.

    Raises:
        ConfigurationError: the file is wrong; holds everything that is.
    """
    document = read_yaml(path)
    if not isinstance(document.data, dict):
        what = "the file is empty" if document.data is None else "the file must be a mapping of keys to values"
        raise ConfigurationError([Problem(f"{what}; begin with `apps:`, as in tengu.example.yml", document.file, 1, 1)])
    data = _lay_images(document.data)
    settings, problems = _validate(document, data)
    problems = [*document.problems, *problems, *(problem_at(document, *found) for found in check_rules(data))]
    if settings is None or problems:
        raise ConfigurationError(list(dict.fromkeys(problems)))
    later = dict.fromkeys(problem_at(document, *found) for found in find_later(data))
    return Loaded(settings, tuple(later))


def _validate(document: Document, data: Mapping[str, Any]) -> tuple[Settings | None, list[Problem]]:
    problems = list(_check_images(document))
    try:
        return Settings.model_validate(data, by_alias=True, by_name=False), problems
    except ValidationError as error:
        return None, [*problems, *explain_all(document, error.errors(include_url=False))]


def _check_images(document: Document) -> Iterator[Problem]:
    """Problems of each app's `image` by itself: it may be wrong where no environment takes it up yet.

    A key that is missing is none: the environments may have it.
    """
    for name, app in _apps(document.data):
        try:
            Image.model_validate(app.get("image", {}), by_alias=True, by_name=False)
        except ValidationError as error:
            details = [detail for detail in error.errors(include_url=False) if detail["type"] != "missing"]
            for detail in details:
                detail["loc"] = ("apps", name, "image", *detail["loc"])
            yield from explain_all(document, details)


def _apps(data: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    apps = data.get("apps")
    return [(name, app) for name, app in apps.items() if isinstance(app, dict)] if isinstance(apps, dict) else []


def _lay_images(data: Mapping[str, Any]) -> dict[str, Any]:
    """The same data, with every app's `image` moved under what its environments say of theirs."""
    if not isinstance(data.get("apps"), dict):
        return dict(data)
    return {**data, "apps": {**data["apps"], **{name: _lay_image(app) for name, app in _apps(data)}}}


def _lay_image(app: dict[str, Any]) -> dict[str, Any]:
    image = app.get("image", {})
    rest = {key: value for key, value in app.items() if key != "image"}
    environments = rest.get("environments")
    if not isinstance(image, dict) or not isinstance(environments, dict):
        return rest
    laid = {
        name: {**env, "image": _over(image, env.get("image", {}))} if isinstance(env, dict) else env
        for name, env in environments.items()
    }
    return {**rest, "environments": laid}


def _over(below: Any, above: Any) -> Any:
    """`above` laid over `below`, key by key where both are mappings."""
    if not isinstance(below, dict) or not isinstance(above, dict):
        return above
    return {**below, **{key: _over(below.get(key), value) for key, value in above.items()}}

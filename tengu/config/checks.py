"""Rules between keys. They read the plain data, so that they also speak while single values are still wrong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeGuard

from tengu.config.yaml_file import Key
from tengu.domain.freeze import parse_freeze, parse_moment

Found = Iterator[tuple[Key, str]]


def check_rules(data: Mapping[str, Any]) -> Found:
    """Every broken rule: the key it is about, and what to do.

    Args:
        data: the whole file, each environment's `image` laid over the app's.
    """
    yield from _logins_twice(data)
    for app, settings in _mappings(data.get("apps")):
        yield from _shared_branches(("apps", app), settings)
        for name, environment in _mappings(settings.get("environments")):
            key = ("apps", app, "environments", name)
            yield from _branch_rules(key, environment)
            yield from _check_rules(key, environment)
            yield from _service_rules(key, environment)
            yield from _freeze_rules(key, environment)


def _mappings(value: Any) -> Iterator[tuple[Any, Mapping[str, Any]]]:
    """The mappings in a mapping or list, with their names or positions; nothing else."""
    pairs = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    yield from ((name, item) for name, item in pairs if isinstance(item, Mapping))


def _logins_twice(data: Mapping[str, Any]) -> Found:
    users, seen = data.get("users"), dict[str, str]()
    for login in users if isinstance(users, Mapping) else ():
        if login.lower() in seen:
            yield ("users", login), f"GitHub takes this for the same login as {seen[login.lower()]}; keep one of them"
        seen.setdefault(login.lower(), login)


def _branches(name: str, environment: Mapping[str, Any]) -> list[str]:
    branch = environment.get("branch", f"deployment/{name}")
    found = branch if isinstance(branch, list) else [branch]
    return [item for item in found if isinstance(item, str)]


def _shared_branches(key: Key, app: Mapping[str, Any]) -> Found:
    taken: dict[str, str] = {}
    for name, environment in _mappings(app.get("environments")):
        for branch in _branches(name, environment):
            if branch in taken:
                other = "this environment" if taken[branch] == name else f"environment {taken[branch]}"
                what = f"{branch} is a branch of {other} already; a branch belongs to one environment"
                yield (*key, "environments", name, "branch"), what
            taken.setdefault(branch, name)


def _branch_rules(key: Key, environment: Mapping[str, Any]) -> Found:
    if environment.get("deploy_on", "merge") != "merge":
        return
    if isinstance(environment.get("branch"), list):
        yield (*key, "branch"), "a list of branches needs deploy_on: push; with deploy_on: merge write one branch"
    elif environment.get("source", "master") in _branches(str(key[-1]), environment):
        what = "the deployment branch is the source branch, so there is nothing to merge; write deploy_on: push, or"
        yield (*key, "branch"), f"{what} another branch, like deployment/{key[-1]}"


def _check_rules(key: Key, environment: Mapping[str, Any]) -> Found:
    if environment.get("check_field") is not None and environment.get("check_url") is None:
        yield (*key, "check_field"), "is a field of check_url's answer; write check_url too, or leave it out"


def _service_rules(key: Key, environment: Mapping[str, Any]) -> Found:
    seen = set()
    for index, service in _mappings(environment.get("services")):
        name = (service.get("cluster"), service.get("service"))
        if all(isinstance(part, str) for part in name):
            if name in seen:
                yield (*key, "services", index), f"service {name[1]} of cluster {name[0]} stands here twice"
            seen.add(name)
        containers = service.get("containers")
        names = [item for item in containers if isinstance(item, str)] if isinstance(containers, list) else []
        for twice in sorted({item for item in names if names.count(item) > 1}):
            yield (*key, "services", index, "containers"), f"container {twice} stands here twice"


def _freeze_rules(key: Key, environment: Mapping[str, Any]) -> Found:
    for index, freeze in _mappings(environment.get("freezes")):
        begin, end = freeze.get("from"), freeze.get("to")
        if not _readable(begin) or not _readable(end):
            continue  # its own value says so
        try:
            parse_freeze(begin, end)
        except ValueError as error:
            yield (*key, "freezes", index), str(error)


def _readable(moment: Any) -> TypeGuard[str]:
    try:
        parse_moment(moment)
    except (TypeError, ValueError):
        return False
    return True

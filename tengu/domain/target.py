"""Which app and environment the words of a command mean."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from difflib import get_close_matches

from tengu.errors import Refused

Place = tuple[str, str]
"""(app, environment)."""
Apps = Mapping[str, Collection[str]]
"""App name -> names of its environments."""


def resolve(words: tuple[str, ...], apps: Apps, here: Collection[str] = (), *, command: str = "deploy") -> Place:
    """The one place that `ENV [app]` or `app ENV` means.

    Args:
        words: none to two words, lower case.
        apps: every app and its environments.
        here: the apps whose channel the command was written in; empty in a direct message.
        command: what to suggest typing.

    Raises:
        Refused: `environment_missing`, `app_missing` (several apps could be meant), `unknown_environment`,
            `unknown_app`; it lists what there is.
    """
    own = [app for app in apps if app in here]
    if not words:
        raise Refused("environment_missing", f"Which environment? {_listing(apps, own)}", _type(command, apps, own))
    places = resolve_all(words, apps, here, command=command)
    named = [place for place in places if place[1] in words]
    if not named:
        app = words[0]
        raise Refused("environment_missing", f"{app} is an app. {_listing(apps, [app])}", _type(command, apps, [app]))
    if len(named) == 1:
        return named[0]
    app, environment = named[0]
    choices = ", ".join(f"{environment} of {app}" for app, environment in named)
    raise Refused("app_missing", f"That can mean {choices}.", f"Type `{command} {environment} {app}` for the first.")


def resolve_all(
    words: tuple[str, ...], apps: Apps, here: Collection[str] = (), *, command: str = "status"
) -> tuple[Place, ...]:
    """Every place that `[ENV] [app]` means; without words all of this channel's apps, or all there are.

    Raises:
        Refused: `unknown_environment`, `unknown_app`.
    """
    own = [app for app in apps if app in here]
    everywhere = tuple((app, environment) for app in apps for environment in apps[app])
    nearby = tuple(place for place in everywhere if place[0] in own) or everywhere
    if not words:
        return nearby
    if len(words) == 1:
        found = tuple(place for place in nearby if place[1] == words[0])
        found = found or tuple(place for place in everywhere if place[0] == words[0])
    else:
        found = tuple(place for place in everywhere if place in ((words[1], words[0]), (words[0], words[1])))
    if found:
        return found
    raise _unknown(words, apps, own, command)


def _unknown(words: tuple[str, ...], apps: Apps, own: list[str], command: str) -> Refused:
    """Say which word is not known, what there is instead, and the nearest guess."""
    app = next((word for word in words if word in apps), None)
    if app is not None:
        other = next((word for word in words if word != app), app)
        return _no_environment(other, apps, [app], command)
    environments = {environment for names in apps.values() for environment in names}
    environment = next((word for word in words if word in environments), None)
    if len(words) == 1 or environment is None:
        return _no_environment(words[0], apps, own, command)
    name = words[1] if words[0] == environment else words[0]
    guess = get_close_matches(name, apps, n=1)
    hint = f"Did you mean `{command} {environment} {guess[0]}`?" if guess else _type(command, apps, own)
    return Refused("unknown_app", f"There is no app {name}. The apps are: {', '.join(apps)}.", hint)


def _no_environment(name: str, apps: Apps, shown: list[str], command: str) -> Refused:
    places = [(app, environment) for app in (shown or apps) for environment in apps[app]]
    elsewhere = [app for app in apps if name in apps[app]]
    guess = get_close_matches(name, [environment for _, environment in places], n=1)
    if elsewhere:
        hint = f"Did you mean `{command} {name} {elsewhere[0]}`?"
    elif guess:
        hint = f"Did you mean `{command} {guess[0]}{_suffix(apps, shown)}`?"
    else:
        hint = _type(command, apps, shown)
    whose = f"{shown[0]} has no environment {name}." if len(shown) == 1 else f"There is no environment {name}."
    return Refused("unknown_environment", f"{whose} {_listing(apps, shown)}", hint)


def _suffix(apps: Apps, shown: list[str]) -> str:
    return f" {shown[0]}" if len(shown) == 1 and len(apps) > 1 else ""


def _listing(apps: Apps, shown: list[str]) -> str:
    """`web has production, dev. api has production.`"""
    return " ".join(f"{app} has {', '.join(apps[app]) or 'no environment'}." for app in (shown or apps))


def _type(command: str, apps: Apps, shown: list[str]) -> str:
    """A command that would work."""
    place = next(((app, name) for app in (shown or apps) for name in apps[app]), None)
    if place is None:
        return "Add an environment to tengu.yml."
    return f"Type `{command} {place[1]}{f' {place[0]}' if len(apps) > 1 else ''}`."

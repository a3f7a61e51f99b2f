"""`verify #12` and `unverify #12`: finds the deployment pull requests that ask for them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tengu.config.model import Settings
from tengu.domain.answer import Answer
from tengu.domain.messages.words import link, numbers
from tengu.domain.people import Actor
from tengu.errors import Refused
from tengu.ports.store import Environments, Verifications
from tengu.usecases.authorise import Authorise
from tengu.usecases.people import People
from tengu.usecases.verify import TicksSet, Verify


@dataclass(frozen=True)
class VerifyByNumber:
    """Ticks a number wherever the person is in the app's channel and its box is listed."""

    settings: Settings
    environments: Environments
    verifications: Verifications
    authorise: Authorise
    people: People
    verify: Verify

    def __call__(
        self, wanted: tuple[int, ...], ticked: bool, actor: Actor, apps: tuple[str, ...] = (), *, tick_as: Actor | None
    ) -> Answer:
        """Tick or untick the boxes of these merged pull requests.

        Args:
            actor: who asks, and whose right is checked.
            tick_as: whose tick it is, if not the actor's.
            apps: the apps of the channel it was asked in; empty: all.

        Raises:
            Refused: the person may not, or a number stands in no deployment pull request; nothing was ticked.
        """
        places = [(place, mine) for place, listed in self._listed(apps) if (mine := sorted(listed & set(wanted)))]
        left = set(wanted).difference(*(mine for _, mine in places))
        if left:
            raise _unknown(sorted(left))
        for app in dict.fromkeys(app for (app, _), _ in places):
            self.authorise.member(actor, app)
        lines: list[str] = []
        for (app, environment), mine in places:
            results = self.verify.set_ticks(app, environment, mine, ticked, tick_as or actor)
            lines.extend(self._line(result, ticked) for result in results)
        return Answer("\n".join(lines), {"numbers": list(wanted), "ticked": ticked})

    def _listed(self, apps: tuple[str, ...]) -> Iterator[tuple[tuple[str, str], set[int]]]:
        """The boxes of each environment: those of its newest deployment pull request, and of older open ones."""
        older = self.environments.pull_requests_to_verify()
        for app in apps or self.settings.apps:
            for environment in self.settings.apps[app].environments:
                newest = self.environments.pull_request(app, environment)
                asked = {each.number for each in older if (each.app, each.environment) == (app, environment)}
                if newest and newest.state != "closed":
                    asked.add(newest.number)
                items = (item for number in asked for item in self.verifications.items(app, environment, number))
                yield (app, environment), {item.item for item in items if item.listed}

    def _line(self, result: TicksSet, ticked: bool) -> str:
        request = result.pull_request
        where = f"in {link(request.url, f'#{request.number}')} ({request.app} {request.environment})"
        parts = []
        if result.changed:
            done = numbers(item.item for item in result.changed)
            parts.append(f":white_check_mark: {done} verified {where}." if ticked else f"{done} is open again {where}.")
        if result.same:
            names = self.people.names()
            by = {names.actor(item.ticked_by) for item in result.same if item.ticked_by}
            known = numbers(item.item for item in result.same)
            parts.append(f"{known} was {'verified' if ticked else 'open'} already{_by(by)} {where}.")
        parts.append(f"Still open: {numbers(item.item for item in result.open)}." if result.open else "All verified.")
        return " ".join(parts)


def _by(people: Iterable[str]) -> str:
    named = ", ".join(sorted(people))
    return f" by {named}" if named else ""


def _unknown(left: list[int]) -> Refused:
    return Refused(
        "no_such_box",
        f"{numbers(left)} stands in no deployment pull request.",
        "The numbers are those of the merged pull requests: `@tengu status` lists who owes what.",
    )

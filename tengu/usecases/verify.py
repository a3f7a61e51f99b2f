"""Ticks: those people set in the pull request on GitHub, and those they set by command."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

from tengu.config.model import Settings
from tengu.domain.deployment_pull_request import parse_ticks, with_ticks
from tengu.domain.people import Actor
from tengu.errors import Refused
from tengu.ports.clock import Clock
from tengu.ports.code_host import CodeHost
from tengu.ports.store import (
    DeploymentPullRequest,
    Environments,
    Event,
    Events,
    VerificationItem,
    Verifications,
)
from tengu.usecases.edit_body import edit_body
from tengu.usecases.propose_deployment import SOMEBODY, ProposeDeployment
from tengu.usecases.ticks import seen_in, set_tick, take_over


@dataclass(frozen=True)
class TicksSet:
    """What `verify` or `unverify` did.

    Args:
        changed: boxes that are as asked now and were not before.
        same: boxes that were so already, with who ticked them.
        open: boxes of the same pull request that are still open.
    """

    pull_request: DeploymentPullRequest
    changed: tuple[VerificationItem, ...]
    same: tuple[VerificationItem, ...]
    open: tuple[VerificationItem, ...]


@dataclass(frozen=True)
class Verify:
    """Keeps the recorded boxes and the pull request's body in step."""

    settings: Settings
    code_host: CodeHost
    environments: Environments
    verifications: Verifications
    events: Events
    propose: ProposeDeployment
    clock: Clock

    def sync_ticks(
        self, app: str, environment: str, number: int, body: str, actor: Actor, previous: str | None = None
    ) -> tuple[VerificationItem, ...]:
        """Somebody edited the pull request: record whose ticks changed, and put back boxes that were wiped.

        The body as GitHub has it *now* decides what is ticked; the event tells who did it. So an event that
        comes late or twice, or that is Tengu's own edit, changes nothing.

        Args:
            body: after the edit; `previous`, before it.
            actor: who edited.

        Returns:
            The boxes whose tick changed.

        Raises:
            ServiceError: GitHub or the database could not be asked.
        """
        repository = self.settings.apps[app].repository
        with self._exclusive(app, environment):
            before = self.verifications.items(app, environment, number)
            if not before:
                return ()
            now = parse_ticks(self.code_host.pull_request(repository, number).body)
            edit = _Edit(actor, parse_ticks(body), None if previous is None else parse_ticks(previous))
            after = edit.named(take_over(before, now, lambda item: edit.who(item, now), self.clock.now()))
            pairs = list(zip(before, after, strict=True))
            self.verifications.save([new for old, new in pairs if new != old])
            ticks = tuple(new for old, new in pairs if _tick(new) != _tick(old))
            for item in ticks:
                self._record(item, item.ticked_by or edit.who(item.item, now))
            damaged = self._show(repository, number, after)
        if damaged:
            self.propose.refresh(app, environment, number)
        return ticks

    def set_ticks(
        self, app: str, environment: str, numbers: Sequence[int], ticked: bool, actor: Actor
    ) -> tuple[TicksSet, ...]:
        """Tick or untick boxes as `actor`, first in the record and then in the body.

        Safe to repeat: what is recorded already is only shown again. A merged pull request that waits to be
        verified keeps its boxes, so the same item may be in more than one.

        Returns:
            One result for each deployment pull request that lists one of the items, newest first.

        Raises:
            Refused: `no_deployment_pull_request`, `no_such_box` (nothing was changed).
            ServiceError: GitHub or the database could not be asked; ticks that were recorded stay.
        """
        with self._exclusive(app, environment):
            lists = self._lists(app, environment)
            self._refuse_unknown(app, environment, numbers, lists)
            results = tuple(
                self._set(pull_request, items, set(numbers), ticked=ticked, actor=actor)
                for pull_request, items in lists
                if {item.item for item in items} & set(numbers)
            )
            repository = self.settings.apps[app].repository
            damaged = [
                each.pull_request.number
                for each in results
                if self._show(
                    repository,
                    each.pull_request.number,
                    self.verifications.items(app, environment, each.pull_request.number),
                )
            ]
        for number in damaged:
            self.propose.refresh(app, environment, number)
        return results

    def _set(
        self,
        pull_request: DeploymentPullRequest,
        items: Sequence[VerificationItem],
        numbers: set[int],
        *,
        ticked: bool,
        actor: Actor,
    ) -> TicksSet:
        wanted = [item for item in items if item.item in numbers]
        changed = tuple(set_tick(item, ticked, actor, self.clock.now()) for item in wanted if item.ticked != ticked)
        self.verifications.save(changed)
        for item in changed:
            self._record(item, actor)
        return TicksSet(
            pull_request,
            changed,
            tuple(item for item in wanted if item.ticked == ticked),
            tuple(item for item in items if not (ticked if item.item in numbers else item.ticked)),
        )

    def _show(self, repository: str, number: int, items: Sequence[VerificationItem]) -> bool:
        """Set the body's boxes as they are recorded. True if a listed box is missing there."""
        latest = list(items)

        def make(body: str) -> str:
            # A box that a person changed a moment ago is theirs, not to be set back.
            taken = take_over(latest, parse_ticks(body), lambda _: SOMEBODY, self.clock.now())
            self.verifications.save([new for old, new in zip(latest, taken, strict=True) if new != old])
            latest[:] = taken
            return with_ticks(body, {item.item: item.ticked for item in taken if item.listed})

        shown = parse_ticks(edit_body(self.code_host, repository, number, make).pull_request.body)
        seen = seen_in(latest, shown)
        self.verifications.save([new for old, new in zip(latest, seen, strict=True) if new != old])
        return any(item.listed and item.item not in shown for item in items)

    def _record(self, item: VerificationItem, actor: Actor) -> None:
        action = "tick" if item.ticked else "untick"
        detail = {"pull_request": item.pull_request, "item": item.item}
        self.events.record(Event(actor, action, "done", item.app, item.environment, detail=detail))

    def _exclusive(self, app: str, environment: str) -> AbstractContextManager[None]:
        return self.environments.exclusive(f"pull-request:{app}/{environment}")

    def _lists(self, app: str, environment: str) -> list[tuple[DeploymentPullRequest, tuple[VerificationItem, ...]]]:
        """The deployment pull requests that are to be verified, newest first, with their listed boxes."""
        newest = self.environments.pull_request(app, environment)
        found = {each.number: each for each in self.environments.pull_requests_to_verify()
                 if (each.app, each.environment) == (app, environment)}  # fmt: skip
        if newest is not None and newest.state != "closed":
            found[newest.number] = newest
        return [
            (found[number], tuple(i for i in self.verifications.items(app, environment, number) if i.listed))
            for number in sorted(found, reverse=True)
        ]

    def _refuse_unknown(
        self,
        app: str,
        environment: str,
        numbers: Sequence[int],
        lists: Sequence[tuple[DeploymentPullRequest, tuple[VerificationItem, ...]]],
    ) -> None:
        if not lists:
            raise Refused(
                "no_deployment_pull_request",
                f"{app} {environment} has no deployment pull request with boxes to tick.",
                f"`@tengu deploy {environment} {app}` opens one if there is something to deploy.",
            )
        known = {item.item for _, items in lists for item in items}
        unknown = sorted(set(numbers) - known)
        if unknown:
            raise Refused(
                "no_such_box",
                f"{_numbers(unknown)} {'has' if len(unknown) == 1 else 'have'} no box in "
                f"{_numbers([each.number for each, _ in lists])}, the deployment pull request of {app} {environment}.",
                f"It lists {_numbers(sorted(known))}." if known else "It lists no merged pull request.",
            )


def _tick(item: VerificationItem) -> tuple[bool, Actor | None]:
    return item.ticked, item.ticked_by


@dataclass(frozen=True)
class _Edit:
    """One edit of the body, as its event tells it."""

    actor: Actor
    boxes: Mapping[int, bool]
    boxes_before: Mapping[int, bool] | None

    def who(self, item: int, now: Mapping[int, bool]) -> Actor:
        """Whoever edited, if what is ticked now is what this edit made it."""
        by_this = self.boxes.get(item) == now.get(item) and (self.boxes_before is None or self._flipped(item))
        return self.actor if by_this else SOMEBODY

    def named(self, items: Sequence[VerificationItem]) -> tuple[VerificationItem, ...]:
        """Name whoever ticked what a refresh took over before the event came."""
        return tuple(
            replace(item, ticked_by=self.actor)
            if item.ticked_by == SOMEBODY and self.boxes.get(item.item) and self._flipped(item.item)
            else item
            for item in items
        )

    def _flipped(self, item: int) -> bool:
        before = (self.boxes_before or {}).get(item)
        return before is not None and before != self.boxes.get(item)


def _numbers(numbers: Sequence[int], most: int = 20) -> str:
    shown = ", ".join(f"#{number}" for number in numbers[:most])
    return shown if len(numbers) <= most else f"{shown} and {len(numbers) - most} more"

"""Pings those whose boxes are open; safe to run any number of times, by any number of processes."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tengu.config.model import Settings, Verification
from tengu.domain.answer import Answer
from tengu.domain.deployment import Outcome
from tengu.domain.messages import reminders as messages
from tengu.domain.people import Actor
from tengu.domain.reminders import Reminder, boxes_by_verifier, decide_reminder, open_boxes
from tengu.errors import ServiceError
from tengu.ports.chat import Chat
from tengu.ports.clock import Clock
from tengu.ports.store import (
    DeploymentPullRequest,
    Deployments,
    Destination,
    Environments,
    Event,
    Events,
    Outbox,
    VerificationItem,
    Verifications,
)
from tengu.usecases.look_again import LookAgain
from tengu.usecases.people import People

log = logging.getLogger(__name__)
Boxes = tuple[VerificationItem, ...]


@dataclass(frozen=True)
class RemindVerifiers:
    """One direct message a person and deployment pull request, every `remind_every`, in the person's own hours."""

    settings: Settings
    chat: Chat
    deployments: Deployments
    environments: Environments
    verifications: Verifications
    events: Events
    outbox: Outbox
    people: People
    look_again: LookAgain
    clock: Clock
    web_url: str

    def __call__(self) -> None:
        """Send what is due; GitHub is asked first whether a tick, or the closing, was missed."""
        for request, boxes in self._asked():
            if not self._due(request, boxes):
                continue
            try:
                if self.look_again(request).state == "closed":
                    continue
            except ServiceError as error:
                log.warning("reminders of #%s wait, its ticks cannot be read: %s", request.number, error)
                continue
            listed = {item.item for item in boxes}
            items = self.verifications.items(request.app, request.environment, request.number)
            fresh = tuple(item for item in items if item.item in listed)
            for login, own, decision in self._due(request, fresh):
                self._send(request, login, own, decision)

    def _due(self, request: DeploymentPullRequest, boxes: Boxes) -> list[tuple[str, Boxes, Reminder[VerificationItem]]]:
        """Who gets what now."""
        started_at, rule, now = self._started_at(request), self._verification(request).reminder_rule, self.clock.now()
        decided = [
            (login, own, decide_reminder(rule, own, started_at, self._zone(login), now))
            for login, own in boxes_by_verifier(boxes).items()
        ]
        return [each for each in decided if each[2].action in ("ping", "summary")]

    def now(self, app: str, environment: str, actor: Actor) -> Answer:
        """`remind ENV`: ping everybody with an open box at once, whatever the hour."""
        reminded: dict[str, None] = {}
        for request, boxes in self._asked():
            if (request.app, request.environment) == (app, environment):
                for login, own in boxes_by_verifier(boxes).items():
                    if self._send(request, login, own, Reminder("ping", open_boxes(own), self.clock.now())):
                        reminded[login] = None
        self.events.record(Event(actor, "remind", "done", app, environment, detail={"reminded": list(reminded)}))
        if not reminded:
            return Answer(
                f"Everything in {app} {environment} is verified; there is nobody to remind.", {"reminded": []}
            )
        names = ", ".join(self.people.names().login(login) for login in reminded)
        return Answer(f"Reminded {names}.", {"reminded": list(reminded)})

    def _asked(self) -> Iterator[tuple[DeploymentPullRequest, Boxes]]:
        """Deployment pull requests with open boxes, newest first; a box stands only in the newest that lists it."""
        seen: set[tuple[str, str, int]] = set()
        requests = sorted(self.environments.pull_requests_to_verify(), key=lambda each: each.number, reverse=True)
        for request in requests:
            app = self.settings.apps.get(request.app)
            if app is None or request.environment not in app.environments:
                continue  # no longer configured: nobody is asked any more
            items = self.verifications.items(request.app, request.environment, request.number)
            mine = tuple(item for item in items if (item.app, item.environment, item.item) not in seen)
            seen.update((item.app, item.environment, item.item) for item in items if item.listed)
            yield request, mine

    def _started_at(self, request: DeploymentPullRequest) -> datetime | None:
        if self._verification(request).remind_from == "opened":
            return request.opened_at
        return self._deployed_at(request)

    def _deployed_at(self, request: DeploymentPullRequest) -> datetime | None:
        recorded = self.deployments.history(app=request.app, environment=request.environment, limit=100)
        return next(
            (
                each.finished_at
                for each in recorded
                if each.pull_request == request.number and each.outcome is Outcome.SUCCEEDED
            ),
            None,
        )

    def _send(
        self, request: DeploymentPullRequest, login: str, own: Boxes, reminder: Reminder[VerificationItem]
    ) -> bool:
        """Want the message, then count it; its key holds what was known before, so that two processes want the same."""
        last = max((item.pinged_at for item in own if item.pinged_at), default=None)
        stamp = int(last.timestamp() * 1000) if last else 0
        key = f"remind:{request.app}/{request.environment}/{request.number}/{login}/{reminder.action}/{stamp}"
        user = self.people.slack_id(login)
        person = "" if user else f"`{login}`"
        if user:
            destination = Destination(user=user)
        else:
            channel = self.settings.apps[request.app].channel
            destination = Destination(channel=channel, thread_of=request.message_key)
        boxes = [self._box(request, item) for item in reminder.boxes]
        asked = self._describe(request)
        if reminder.action == "ping":
            message = messages.ping(asked, boxes, person)
        else:
            message = messages.summary(asked, boxes, request.opened_at, person)
        if self.outbox.get(key) is None:
            self.outbox.put(key, destination, message)
        return self._count(reminder, last)

    def _count(self, reminder: Reminder[VerificationItem], last: datetime | None) -> bool:
        if reminder.action == "summary":
            self.verifications.save([replace(item, summarised=True) for item in reminder.boxes])
            return True
        return self.verifications.pinged(reminder.boxes, self.clock.now(), last)

    def _describe(self, request: DeploymentPullRequest) -> messages.Asked:
        is_deployed = self._deployed_at(request) is not None
        return messages.Asked(request.app, request.environment, request.number, request.url, is_deployed)

    def _box(self, request: DeploymentPullRequest, item: VerificationItem) -> messages.OpenBox:
        repository = self.settings.apps[request.app].repository
        return messages.OpenBox(item.item, item.title, f"{self.web_url}/{repository}/pull/{item.item}")

    def _zone(self, login: str) -> tzinfo:
        """The person's own zone in Slack; the settings' zone where that cannot be known."""
        name = self.settings.timezone
        try:
            if user := self.people.slack_id(login):
                name = self.chat.user(user).timezone
            return ZoneInfo(name)
        except (ServiceError, ZoneInfoNotFoundError, ValueError) as error:
            log.warning("the time zone of %s is not known, %s is taken: %s", login, self.settings.timezone, error)
            return ZoneInfo(self.settings.timezone)

    def _verification(self, request: DeploymentPullRequest) -> Verification:
        return self.settings.apps[request.app].environments[request.environment].verification

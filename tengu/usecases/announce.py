"""Tells Slack and GitHub how a deployment goes.

Runs after every change of a deployment, and may run any number of times: it says what is wanted (one status
message, one closing reply, one GitHub status a state) and the outbox and inbox bring it about.
"""

from __future__ import annotations

from dataclasses import dataclass

from tengu.config.model import Settings
from tengu.domain.deployment import Deployment, Kind, Outcome, State, StepName
from tengu.domain.message import Message
from tengu.domain.messages import deployment as messages
from tengu.ports.clock import Clock
from tengu.ports.store import Deployments, Destination, Environments, Inbox, Outbox, VerificationItem, Verifications
from tengu.usecases.people import People

NEEDS_ATTENTION = (Outcome.FAILED, Outcome.ROLLED_BACK, Outcome.UNKNOWN)


@dataclass(frozen=True)
class Announce:
    """Callable with a deployment.

    Args:
        web_url: where GitHub's pages are, without a trailing slash (`https://github.com`).
    """

    settings: Settings
    deployments: Deployments
    environments: Environments
    verifications: Verifications
    inbox: Inbox
    outbox: Outbox
    people: People
    clock: Clock
    web_url: str

    def __call__(self, deployment: Deployment) -> None:
        """Want the messages and statuses that fit the deployment as it is now."""
        self._status(deployment)
        self._github(deployment)
        if deployment.state is State.ENDED and deployment.outcome is not Outcome.SKIPPED:
            self._closing(deployment)

    def _status(self, deployment: Deployment) -> None:
        place = 0
        if deployment.state is State.WAITING:
            ahead = self.deployments.waiting(*deployment.lane)
            running = self.deployments.in_lane(*deployment.lane)
            busy = running is not None and running.number != deployment.number  # it may have been claimed by now
            place = busy + sum(other.number < deployment.number for other in ahead)
        message = messages.status(
            deployment,
            plan(self.settings, deployment),
            self.people.names(),
            self._links(deployment),
            self.clock.now(),
            place,
        )
        self.outbox.put(status_key(deployment.number), self._channel(deployment), message)

    def _closing(self, deployment: Deployment) -> None:
        items = self._items(deployment)
        thread = Destination(channel=self._channel(deployment).channel, thread_of=status_key(deployment.number))
        message = messages.closing(
            deployment,
            self.people.names(),
            [login for item in items for login in item.verifiers],
            [item.item for item in items if item.listed and not item.ticked],
            self.clock.now(),
        )
        self._put_once(f"deployment:{deployment.number}:closing", thread, message)
        if deployment.outcome in NEEDS_ATTENTION:
            alert = messages.alert(deployment, self.people.names(), self.clock.now())
            self._put_once(f"deployment:{deployment.number}:alert", self._channel(deployment), alert)

    def _put_once(self, key: str, destination: Destination, message: Message) -> None:
        if self.outbox.get(key) is None:
            self.outbox.put(key, destination, message)

    def _items(self, deployment: Deployment) -> tuple[VerificationItem, ...]:
        if deployment.pull_request is None:
            return ()
        return self.verifications.items(*deployment.lane, deployment.pull_request)

    def _github(self, deployment: Deployment) -> None:
        if deployment.state is State.RUNNING and deployment.started_at:
            state = "in_progress"
        elif deployment.state is State.ENDED and deployment.started_at:
            state = "success" if deployment.outcome is Outcome.SUCCEEDED else "failure"
        else:
            return
        key = f"github-status:{deployment.number}:{state}"
        self.inbox.receive(key, "github.status", {"number": deployment.number, "state": state})

    def _channel(self, deployment: Deployment) -> Destination:
        return Destination(channel=self.settings.apps[deployment.app].channel)

    def _links(self, deployment: Deployment) -> messages.Links:
        repository = f"{self.web_url}/{self.settings.apps[deployment.app].repository}"
        request = self.environments.pull_request(*deployment.lane, deployment.pull_request)
        return messages.Links(
            pull_request=request.url if request and deployment.pull_request else "",
            commit=f"{repository}/commit/{deployment.commit}",
        )


def status_key(number: int) -> str:
    """Key of a deployment's status message."""
    return f"deployment:{number}:status"


def plan(settings: Settings, deployment: Deployment) -> tuple[StepName, ...]:
    """The steps a deployment takes under the present configuration, in order."""
    environment = settings.apps[deployment.app].environments[deployment.environment]
    steps = [StepName.ROLL_OUT]
    if environment.check_url:
        steps.append(StepName.CHECK)
    if deployment.kind is Kind.ROLLBACK:
        return tuple(steps)
    before = [StepName.CHECKOUT, StepName.BUILD]
    if environment.migrate:
        before.append(StepName.MIGRATE)
    return (*before, *steps)

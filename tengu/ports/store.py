"""What Tengu keeps, as small ports: each use case asks for the few it needs.

PostgreSQL is behind all of them (tengu/adapters/postgres). Every method is one transaction; what has returned
is on disk. Methods that create work also wake a worker, in the same transaction. Times are aware, UTC.
`ServiceError("PostgreSQL", …)` where the database cannot be reached.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol

from tengu.domain.deployment import Deployment, NewDeployment, Outcome, StepName
from tengu.domain.message import Message
from tengu.domain.people import Actor

# --- what came in ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Inbound:
    """One thing that came in and was stored before it was answered.

    Args:
        key: Slack's event id, GitHub's delivery id, or one of ours: a repeat is the same row.
        kind: which use case handles it (`slack.command`, `github.pull_request`, …).
        payload: what the handler parsed out of it; JSON.
        attempts: how often it was tried.
    """

    key: str
    kind: str
    payload: Mapping[str, Any]
    received_at: datetime
    attempts: int = 0


class Inbox(Protocol):
    """Stored requests, handled at least once."""

    def receive(self, key: str, kind: str, payload: Mapping[str, Any]) -> bool:
        """Store it and wake a worker. False if the key is known: then nothing happens."""

    def take(self, key: str) -> Inbound | None:
        """Take it to handle it now, for 5 minutes; None if it is handled, or another worker has it."""

    def handled(self, key: str) -> None:
        """It is done for good."""

    def failed(self, key: str, error: str, retry_in: timedelta | None) -> None:
        """It failed; tried again after `retry_in`, or given up (kept, marked) with None."""


# --- what goes out ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Destination:
    """Where a message goes.

    Args:
        channel: channel id or `#name`; or, with `user`, empty.
        user: Slack user id for a direct message.
        thread_ts: timestamp of the message in whose thread it goes.
        thread_of: key of one of our own messages in whose thread it goes, once that one is posted.
    """

    channel: str = ""
    user: str = ""
    thread_ts: str = ""
    thread_of: str = ""


@dataclass(frozen=True)
class Outgoing:
    """One message as Tengu wants it to be in Slack.

    Args:
        key: what makes it this message (`deployment:12:status`): put twice = edited, never posted twice.
        version: counts how often its content changed.
        sent_version: the version Slack shows; 0 if none.
        channel_id, ts: where Slack has it, once posted.
        uncertain: a post was begun and its end was never recorded: look in Slack before posting.
    """

    key: str
    destination: Destination
    message: Message
    version: int
    sent_version: int = 0
    channel_id: str = ""
    ts: str = ""
    uncertain: bool = False
    attempts: int = 0
    begun_at: datetime | None = None


class Outbox(Protocol):
    """Messages to Slack, sent at least once and shown once."""

    def put(self, key: str, destination: Destination, message: Message) -> None:
        """Want this message. Same content as before: nothing happens. Wakes the sender."""

    def get(self, key: str) -> Outgoing | None:
        """The message of that key."""

    def take_due(self) -> Outgoing | None:
        """Take the oldest message that differs from what Slack shows and is due, for 1 minute.

        Not due: taken by another sender; in a thread of a message not posted yet; edited less than 3 s ago;
        waiting for its retry.
        """

    def begin(self, key: str) -> None:
        """A post is about to be sent: from now until `sent` or `failed` the row is uncertain."""

    def sent(self, key: str, version: int, channel_id: str, ts: str) -> None:
        """Slack shows this version there."""

    def failed(self, key: str, error: str, retry_in: timedelta | None, *, uncertain: bool) -> None:
        """It could not be sent; again after `retry_in`, or given up with None."""

    def forget_post(self, key: str) -> None:
        """Slack no longer has (or no longer lets us edit) the posted message: post anew."""

    def next_due_in(self) -> float | None:
        """Seconds until a message is due, 0 if one is; None if there is nothing to send."""


# --- deployments -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Lease:
    """The right to run one deployment: every write with it is refused once another process took over.

    Args:
        token: fencing token; larger than every earlier one of this deployment.
        takeovers: how often a process took it over without a newly finished step in between.
    """

    number: int
    owner: str
    token: int
    takeovers: int = 0


class Deployments(Protocol):
    """The deployments, their lanes and leases. Methods that take a lease raise `LeaseLost` when it is."""

    def create(self, new: NewDeployment) -> Deployment | None:
        """Record it, waiting (or held, if it says why) and wake a worker.

        None if kind is merge or push and a deployment of *any* outcome exists for the same environment and
        commit with kind merge or push: a merge is deployed once.
        """

    def get(self, number: int) -> Deployment | None:
        """With its steps."""

    def history(
        self, *, app: str | None = None, environment: str | None = None, limit: int = 20
    ) -> tuple[Deployment, ...]:
        """Newest first, with their steps."""

    def known_commit(self, app: str, environment: str, commit: str) -> bool:
        """True if a deployment of any kind and outcome exists for it."""

    def last_succeeded(self, app: str, environment: str, *, before: int | None = None) -> Deployment | None:
        """The newest with outcome succeeded (and a number below `before`)."""

    def in_lane(self, app: str, environment: str) -> Deployment | None:
        """The one that holds the lane: running, or ended as unknown and not given up."""

    def waiting(self, app: str, environment: str) -> tuple[Deployment, ...]:
        """Those that wait for the lane, oldest first."""

    def held(self, app: str, environment: str) -> tuple[Deployment, ...]:
        """Those that are held, oldest first."""

    def claim(self, owner: str, lease_for: timedelta) -> tuple[Deployment, Lease] | None:
        """Take one to run: first a running one whose lease has run out, else the oldest waiting one of a free
        lane. Fair over lanes. None if there is nothing to do."""

    def renew(self, lease: Lease, lease_for: timedelta) -> Deployment:
        """Prolong it; answers with the deployment as recorded now (a cancel request shows there)."""

    def hand_over(self, lease: Lease) -> None:
        """Let another process take it over at once (shut-down); not counted as a takeover."""

    def start_step(self, lease: Lease, name: StepName) -> Deployment:
        """The step runs from now; started already: keeps its start and memo."""

    def note(self, lease: Lease, name: StepName, memo: Mapping[str, Any], detail: str = "") -> Deployment:
        """Merge `memo` into the running step's memo and set its detail line."""

    def finish_step(self, lease: Lease, name: StepName, output: Mapping[str, Any], detail: str = "") -> Deployment:
        """The step is done (also counts as progress: takeovers start from 0 again)."""

    def fail_step(self, lease: Lease, name: StepName, detail: str) -> Deployment:
        """The step failed."""

    def skip_step(self, lease: Lease, name: StepName, detail: str) -> Deployment:
        """The step is not needed."""

    def set_github_deployment(self, lease: Lease, github_deployment: int) -> None:
        """Remember GitHub's id of it."""

    def finish(self, lease: Lease, outcome: Outcome, code: str, reason: str) -> Deployment:
        """End it. Frees the lane and wakes the next, except for `unknown`, which keeps the lane."""

    def end_unstarted(self, number: int, outcome: Outcome, code: str, reason: str) -> Deployment | None:
        """End one that is waiting or held (skipped, cancelled); None if it is neither by now."""

    def hold(self, lease: Lease, code: str, reason: str) -> Deployment:
        """Put a claimed one that has not begun a step back as held; frees the lane."""

    def resume(self, number: int) -> Deployment | None:
        """Held -> waiting; None if it is not held."""

    def request_cancel(self, number: int, by: Actor) -> Deployment | None:
        """Ask a running one to stop; None if it is not running."""

    def release_lane(self, number: int) -> bool:
        """Give up the lane of one that ended as unknown; False if it does not hold it."""

    def untold(self) -> tuple[Deployment, ...]:
        """Those whose run ended some seconds ago, at most a day, and whose end was not passed on to people."""

    def told(self, number: int) -> None:
        """Its end was passed on to people."""


@dataclass(frozen=True)
class LogLine:
    """One line of a deployment's log; `position` grows, and is what a reader goes on from."""

    position: int
    at: datetime
    step: str
    line: str


class DeploymentLogs(Protocol):
    """What the steps printed, bounded in length."""

    def append(self, number: int, step: StepName, lines: Sequence[str]) -> None:
        """Add lines; what goes beyond the bound is dropped, and that is said once."""

    def read(self, number: int, after: int = 0, limit: int = 1000) -> tuple[LogLine, ...]:
        """Lines behind that position, oldest first."""


# --- environments ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Lock:
    """Nobody deploys to this environment.

    Args:
        until: None means until somebody unlocks.
    """

    by: Actor
    why: str
    since: datetime
    until: datetime | None = None


@dataclass(frozen=True)
class DeploymentPullRequest:
    """The newest deployment pull request of an environment as Tengu knows it.

    Args:
        state: `open`, `merged` or `closed` (unmerged).
        message_key: key of the Slack message that announced it.
        base, head: of the changeset it shows.
    """

    app: str
    environment: str
    number: int
    url: str
    state: Literal["open", "merged", "closed"]
    base: str
    head: str
    opened_at: datetime
    opened_by: Actor
    message_key: str = ""
    merged_at: datetime | None = None


class Environments(Protocol):
    """What is remembered about each environment."""

    def adopted(self, app: str, environment: str, branch: str) -> str | None:
        """The deployment branch's head that was there before Tengu; None before the first sight."""

    def adopt(self, app: str, environment: str, branch: str, commit: str) -> str:
        """Remember it on first sight; answers with what is remembered."""

    def reported(self, app: str, environment: str, commit: str) -> bool:
        """Remember that this head was reported as one that Tengu will not deploy; True the first time."""

    def lock(self, app: str, environment: str, lock: Lock) -> None:
        """Lock it, replacing an earlier lock."""

    def unlock(self, app: str, environment: str) -> Lock | None:
        """Remove and return the lock, if there was one in force."""

    def current_lock(self, app: str, environment: str) -> Lock | None:
        """The lock in force; an expired one is none."""

    def save_pull_request(self, pull_request: DeploymentPullRequest) -> None:
        """Insert or replace by (app, environment, number)."""

    def pull_request(self, app: str, environment: str, number: int | None = None) -> DeploymentPullRequest | None:
        """That one, or the newest."""

    def pull_requests_to_verify(self) -> tuple[DeploymentPullRequest, ...]:
        """Those not closed unmerged that still have an open box."""

    def exclusive(self, name: str) -> AbstractContextManager[None]:
        """Only one process at a time does what is named so (an advisory lock; waits up to 60 s)."""


# --- verification ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class VerificationItem:
    """The checkbox of one merged pull request in one deployment pull request.

    Args:
        item: number of the merged pull request.
        verifiers: GitHub logins that are asked for it.
        in_body: the box as it was last seen, or written, in the pull request's body.
        listed: False once the pull request left the changeset.
        pinged_at, pings: the last reminder and how many there were.
    """

    app: str
    environment: str
    pull_request: int
    item: int
    title: str
    verifiers: tuple[str, ...]
    ticked: bool = False
    ticked_by: Actor | None = None
    ticked_at: datetime | None = None
    in_body: bool = False
    listed: bool = True
    pinged_at: datetime | None = None
    pings: int = 0
    summarised: bool = False


class Verifications(Protocol):
    """The boxes, and who ticked them when: the one truth; the body is kept in step."""

    def items(self, app: str, environment: str, pull_request: int) -> tuple[VerificationItem, ...]:
        """All of that deployment pull request, by item number."""

    def save(self, items: Sequence[VerificationItem]) -> None:
        """Insert or replace, in one transaction."""

    def pinged(self, items: Sequence[VerificationItem], at: datetime, expected: datetime | None) -> bool:
        """Record one reminder for these items of one person, only if none was recorded since `expected`
        (the newest `pinged_at` the caller saw). False: another process was faster."""

    def take_link(self, login: str) -> str | None:
        """Slack user id that said `link LOGIN`, if one did."""


# --- the record ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Event:
    """One line of the append-only record.

    Args:
        action: what was asked or done, a word of the interface (`deploy`, `merge`, `lock`, `tick`, …).
        outcome: `done`, `refused`, `failed`, or a deployment's outcome.
        detail: facts worth keeping; JSON, no secrets.
    """

    actor: Actor
    action: str
    outcome: str
    app: str = ""
    environment: str = ""
    deployment: int | None = None
    why: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)
    at: datetime | None = None


class Events(Protocol):
    """Who did what, from where, why, and how it ended."""

    def record(self, event: Event) -> None:
        """Append it; `at` is the database's clock."""

    def events(self, *, app: str | None = None, environment: str | None = None, limit: int = 100) -> tuple[Event, ...]:
        """Newest first."""


# --- all of it -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Store:
    """All stores, ready to use."""

    inbox: Inbox
    outbox: Outbox
    deployments: Deployments
    logs: DeploymentLogs
    environments: Environments
    verifications: Verifications
    events: Events

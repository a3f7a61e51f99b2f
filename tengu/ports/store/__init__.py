"""What Tengu keeps, as small ports: each use case asks for the few it needs.

PostgreSQL is behind all of them (tengu/adapters/postgres). Every method is one transaction; what has returned
is on disk. Methods that create work also wake a worker, in the same transaction. Times are aware, UTC.
`ServiceError("PostgreSQL", …)` where the database cannot be reached.
"""

from dataclasses import dataclass

from tengu.ports.store.deployments import DeploymentLogs, Deployments, Lease, LogLine
from tengu.ports.store.environments import DeploymentPullRequest, Environments, Lock
from tengu.ports.store.events import Event, Events
from tengu.ports.store.inbox import Inbound, Inbox
from tengu.ports.store.outbox import Destination, Outbox, Outgoing
from tengu.ports.store.verifications import VerificationItem, Verifications

__all__ = [
    "DeploymentLogs",
    "DeploymentPullRequest",
    "Deployments",
    "Destination",
    "Environments",
    "Event",
    "Events",
    "Inbound",
    "Inbox",
    "Lease",
    "Lock",
    "LogLine",
    "Outbox",
    "Outgoing",
    "Store",
    "VerificationItem",
    "Verifications",
]


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

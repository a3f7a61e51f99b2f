"""All stores on one database."""

from __future__ import annotations

from dataclasses import dataclass

from tengu.adapters.postgres.database import Database
from tengu.adapters.postgres.deployments import PostgresDeployments
from tengu.adapters.postgres.environments import PostgresEnvironments
from tengu.adapters.postgres.events import PostgresEvents
from tengu.adapters.postgres.inbox import PostgresInbox
from tengu.adapters.postgres.logs import PostgresDeploymentLogs
from tengu.adapters.postgres.outbox import PostgresOutbox
from tengu.adapters.postgres.verifications import PostgresVerifications
from tengu.ports.store import DeploymentLogs, Deployments, Environments, Events, Inbox, Outbox, Verifications


@dataclass(frozen=True)
class Store:
    """The ports, ready to use."""

    inbox: Inbox
    outbox: Outbox
    deployments: Deployments
    logs: DeploymentLogs
    environments: Environments
    verifications: Verifications
    events: Events

    @classmethod
    def on(cls, database: Database) -> Store:
        """The stores of an open, migrated database."""
        return cls(
            inbox=PostgresInbox(database),
            outbox=PostgresOutbox(database),
            deployments=PostgresDeployments(database),
            logs=PostgresDeploymentLogs(database),
            environments=PostgresEnvironments(database),
            verifications=PostgresVerifications(database),
            events=PostgresEvents(database),
        )

"""All stores on one database."""

from __future__ import annotations

from tengu.adapters.postgres.database import Database
from tengu.adapters.postgres.deployments import PostgresDeployments
from tengu.adapters.postgres.environments import PostgresEnvironments
from tengu.adapters.postgres.events import PostgresEvents
from tengu.adapters.postgres.inbox import PostgresInbox
from tengu.adapters.postgres.logs import PostgresDeploymentLogs
from tengu.adapters.postgres.outbox import PostgresOutbox
from tengu.adapters.postgres.verifications import PostgresVerifications
from tengu.ports.store import Store


def store_on(database: Database) -> Store:
    """The stores of an open, migrated database."""
    return Store(
        inbox=PostgresInbox(database),
        outbox=PostgresOutbox(database),
        deployments=PostgresDeployments(database),
        logs=PostgresDeploymentLogs(database),
        environments=PostgresEnvironments(database),
        verifications=PostgresVerifications(database),
        events=PostgresEvents(database),
    )

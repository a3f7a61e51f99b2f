"""Waking a worker in the transaction that makes the work: a job commits, or rolls back, with its row.

Jobs only say that there is something to do. They may be lost, doubled or late without harm: the sweep finds
every row that waits.
"""

from __future__ import annotations

from typing import Literal

import psycopg
from procrastinate import App, SyncPsycopgConnector
from procrastinate.exceptions import ConnectorException

from tengu.adapters.postgres.database import Connection

TaskName = Literal["handle_inbound", "advance", "send_messages"]

DEPLOYMENTS = "deployments"
"""Queue of `advance`: its jobs run for as long as a deployment does, so they get worker slots of their own."""
ERRANDS = "errands"
"""Queue of everything else."""

_app = App(connector=SyncPsycopgConnector())  # never opened: every job goes through the caller's connection


def wake(connection: Connection, task: TaskName, **arguments: str) -> None:
    """Defer one job in the connection's transaction.

    Raises:
        psycopg.Error: as it was before Procrastinate wrapped it, so that it is told like every other one.
    """
    queue = DEPLOYMENTS if task == "advance" else ERRANDS
    try:
        _app.configure_task(task, queue=queue, connection=connection).defer(**arguments)
    except ConnectorException as error:
        if isinstance(error.__cause__, psycopg.Error):
            raise error.__cause__ from error
        raise

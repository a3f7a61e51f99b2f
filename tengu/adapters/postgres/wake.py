"""Waking a worker in the transaction that makes the work: a job commits, or rolls back, with its row.

Jobs only say that there is something to do. They may be lost, doubled or late without harm: the sweep finds
every row that waits.
"""

from __future__ import annotations

from typing import Literal

from procrastinate import App, SyncPsycopgConnector

from tengu.adapters.postgres.database import Connection

TaskName = Literal["handle_inbound", "advance", "send_messages"]

DEPLOYMENTS = "deployments"
"""Queue of `advance`: its jobs run for as long as a deployment does, so they get worker slots of their own."""
ERRANDS = "errands"
"""Queue of everything else."""

_app = App(connector=SyncPsycopgConnector())  # never opened: every job goes through the caller's connection


def wake(connection: Connection, task: TaskName, **arguments: str) -> None:
    """Defer one job in the connection's transaction."""
    queue = DEPLOYMENTS if task == "advance" else ERRANDS
    _app.configure_task(task, queue=queue, connection=connection).defer(**arguments)

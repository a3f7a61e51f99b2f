"""Rows of the deployment tables as domain values."""

from __future__ import annotations

from collections.abc import Sequence

from psycopg.rows import DictRow

from tengu.adapters.postgres.database import Connection
from tengu.domain.deployment import Deployment, Kind, Outcome, State, Step, StepName, StepState
from tengu.domain.people import Actor


def with_steps(connection: Connection, rows: Sequence[DictRow]) -> tuple[Deployment, ...]:
    """The deployments of these rows, in their order, with their steps."""
    steps: dict[int, list[Step]] = {row["number"]: [] for row in rows}
    for row in connection.execute(
        "SELECT * FROM deployment_step WHERE deployment = ANY(%s) ORDER BY position", (list(steps),)
    ):
        steps[row["deployment"]].append(_step(row))
    return tuple(_deployment(row, tuple(steps[row["number"]])) for row in rows)


def one_with_steps(connection: Connection, row: DictRow | None) -> Deployment | None:
    """The deployment of that row, if there is one."""
    return with_steps(connection, [row])[0] if row else None


def _step(row: DictRow) -> Step:
    return Step(
        name=StepName(row["name"]),
        state=StepState(row["state"]),
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        memo=row["memo"],
        output=row["output"],
        detail=row["detail"],
    )


def _deployment(row: DictRow, steps: tuple[Step, ...]) -> Deployment:
    return Deployment(
        number=row["number"],
        app=row["app"],
        environment=row["environment"],
        kind=Kind(row["kind"]),
        commit=row["commit"],
        source_commit=row["source_commit"],
        base=row["base"],
        pull_request=row["pull_request"],
        items=tuple(row["items"]),
        person=Actor.parse(row["person"]),
        target=row["target"],
        state=State(row["state"]),
        created_at=row["created_at"],
        outcome=Outcome(row["outcome"]) if row["outcome"] else None,
        code=row["code"],
        reason=row["reason"],
        cancel_requested_by=Actor.parse(row["cancel_requested_by"]) if row["cancel_requested_by"] else None,
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        steps=steps,
    )

"""What the process that runs a deployment may do with it (half of the port `Deployments`).

Every write names the lease's token; where the row has another one by now, or has ended, nothing is written and
LeaseLost is raised. Leases are measured by the database's clock.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, LiteralString

from psycopg.errors import UniqueViolation
from psycopg.rows import DictRow

from tengu.adapters.postgres.database import Connection, Database, as_json, clean
from tengu.adapters.postgres.rows import with_steps
from tengu.adapters.postgres.wake import wake
from tengu.domain.deployment import Deployment, Outcome, StepName
from tengu.errors import LeaseLost, ServiceError
from tengu.ports.store import Lease

_MINE: LiteralString = "number = %(number)s AND token = %(token)s AND state = 'running'"
_EXPIRED: LiteralString = """
    SELECT number FROM deployment WHERE state = 'running' AND lease_until <= clock_timestamp()
    ORDER BY lease_until LIMIT 1 FOR UPDATE SKIP LOCKED
"""
# The oldest waiting one of each free lane; among them the lane that has not run for longest, so that a lane with
# a long queue does not hold up the others where workers are few.
_NEXT: LiteralString = """
    SELECT number FROM deployment d WHERE state = 'waiting'
    AND NOT EXISTS (SELECT FROM deployment o WHERE o.app = d.app AND o.environment = d.environment
        AND (o.state = 'running' OR o.keeps_lane OR (o.state = 'waiting' AND o.number < d.number)))
    ORDER BY (SELECT max(o.started_at) FROM deployment o WHERE o.app = d.app AND o.environment = d.environment)
        NULLS FIRST, number
    LIMIT 1 FOR UPDATE OF d SKIP LOCKED
"""
_CLAIM: LiteralString = """
    UPDATE deployment SET state = 'running', owner = %(owner)s, token = token + 1,
        lease_until = clock_timestamp() + %(lease_for)s, started_at = coalesce(started_at, now()),
        takeovers = CASE WHEN state = 'running' THEN takeovers + 1 ELSE 0 END
    WHERE number = %(number)s RETURNING *
"""


class Runs:
    """Claiming, and the writes of a run."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def claim(self, owner: str, lease_for: timedelta) -> tuple[Deployment, Lease] | None:
        """Take one to run: first one whose lease has run out, else the oldest waiting one of a free lane."""
        try:
            with self._database.transaction("claim a deployment") as connection:
                found = connection.execute(_EXPIRED).fetchone() or connection.execute(_NEXT).fetchone()
                if found is None:
                    return None
                values = {"number": found["number"], "owner": owner, "lease_for": lease_for}
                row = connection.execute(_CLAIM, values).fetchall()[0]
                lease = Lease(row["number"], owner, row["token"], row["takeovers"])
                return with_steps(connection, [row])[0], lease
        except ServiceError as error:
            if isinstance(error.__cause__, UniqueViolation):
                return None  # another process took the lane between our look and our claim
            raise

    def renew(self, lease: Lease, lease_for: timedelta) -> Deployment:
        """Prolong it; answers with the deployment as recorded now."""
        changes: LiteralString = "lease_until = clock_timestamp() + %(lease_for)s"
        return self._write(lease, "renew a lease", changes, lease_for=lease_for)

    def hand_over(self, lease: Lease) -> None:
        """Let another process take it over at once; not counted as a takeover."""
        changes: LiteralString = "lease_until = clock_timestamp(), takeovers = takeovers - 1"
        self._write(lease, "hand over a deployment", changes, then_wake=True)

    def start_step(self, lease: Lease, name: StepName) -> Deployment:
        """The step runs from now; started already: keeps its start and memo."""
        with self._fenced(lease, "start a step") as (connection, row):
            connection.execute(
                "INSERT INTO deployment_step (deployment, name, state) VALUES (%s, %s, 'running') "
                "ON CONFLICT (deployment, name) DO UPDATE SET state = 'running', finished_at = NULL",
                (lease.number, name.value),
            )
            return with_steps(connection, [row])[0]

    def note(self, lease: Lease, name: StepName, memo: Mapping[str, Any], detail: str = "") -> Deployment:
        """Merge `memo` into the running step's memo and set its detail line (empty: keeps the one it has)."""
        return self._write_step(
            lease, name, "memo = memo || %(memo)s, detail = coalesce(nullif(%(detail)s, ''), detail)",
            memo=as_json(memo), detail=clean(detail),
        )  # fmt: skip

    def finish_step(self, lease: Lease, name: StepName, output: Mapping[str, Any], detail: str = "") -> Deployment:
        """The step is done; takeovers start from 0 again."""
        return self._end_step(lease, name, "done", detail, output)

    def fail_step(self, lease: Lease, name: StepName, detail: str) -> Deployment:
        """The step failed."""
        return self._end_step(lease, name, "failed", detail, {})

    def skip_step(self, lease: Lease, name: StepName, detail: str) -> Deployment:
        """The step is not needed."""
        return self._end_step(lease, name, "skipped", detail, {})

    def finish(self, lease: Lease, outcome: Outcome, code: str, reason: str) -> Deployment:
        """End it. Frees the lane and wakes the next, except for `unknown`, which keeps the lane."""
        return self._write(
            lease, "end a deployment",
            "state = 'ended', outcome = %(outcome)s, code = %(code)s, reason = %(reason)s, finished_at = now(), "
            "owner = NULL, lease_until = NULL, keeps_lane = (%(outcome)s = 'unknown')",
            then_wake=True, outcome=outcome.value, code=code, reason=clean(reason),
        )  # fmt: skip

    def hold(self, lease: Lease, code: str, reason: str) -> Deployment:
        """Put a claimed one that has not begun a step back as held; frees the lane."""
        return self._write(
            lease, "hold a deployment",
            "state = 'held', code = %(code)s, reason = %(reason)s, owner = NULL, lease_until = NULL, "
            "started_at = NULL, takeovers = 0",
            then_wake=True, code=code, reason=clean(reason),
        )  # fmt: skip

    def _end_step(
        self, lease: Lease, name: StepName, state: LiteralString, detail: str, output: Mapping[str, Any]
    ) -> Deployment:
        with self._fenced(lease, "end a step") as (connection, row):
            connection.execute(
                "INSERT INTO deployment_step (deployment, name, state, finished_at, output, detail) "
                "VALUES (%(number)s, %(name)s, %(state)s, now(), %(output)s, %(detail)s) "
                "ON CONFLICT (deployment, name) DO UPDATE SET state = excluded.state, finished_at = now(), "
                "output = excluded.output, detail = excluded.detail",
                {"number": lease.number, "name": name.value, "state": state, "output": as_json(output),
                 "detail": clean(detail)},
            )  # fmt: skip
            if state != "failed":
                connection.execute("UPDATE deployment SET takeovers = 0 WHERE number = %s", (lease.number,))
            return with_steps(connection, [row])[0]

    def _write_step(self, lease: Lease, name: StepName, changes: LiteralString, **values: Any) -> Deployment:
        with self._fenced(lease, "note a step's progress") as (connection, row):
            connection.execute(
                "UPDATE deployment_step SET " + changes + " WHERE deployment = %(number)s AND name = %(name)s",
                {"number": lease.number, "name": name.value, **values},
            )
            return with_steps(connection, [row])[0]

    def _write(
        self, lease: Lease, action: str, changes: LiteralString, *, then_wake: bool = False, **values: Any
    ) -> Deployment:
        with self._database.transaction(action) as connection:
            row = connection.execute(
                "UPDATE deployment SET " + changes + " WHERE " + _MINE + " RETURNING *",
                {"number": lease.number, "token": lease.token, **values},
            ).fetchone()
            if row is None:
                raise _lost(lease)
            if then_wake:
                wake(connection, "advance")
            return with_steps(connection, [row])[0]

    @contextmanager
    def _fenced(self, lease: Lease, action: str) -> Generator[tuple[Connection, DictRow]]:
        """A transaction in which the lease cannot be taken away."""
        with self._database.transaction(action) as connection:
            row = connection.execute(
                "SELECT * FROM deployment WHERE " + _MINE + " FOR UPDATE",
                {"number": lease.number, "token": lease.token},
            ).fetchone()
            if row is None:
                raise _lost(lease)
            yield connection, row


def _lost(lease: Lease) -> LeaseLost:
    return LeaseLost(
        f"the lease of {lease.owner} is over: another process has deployment {lease.number}, or it has ended"
    )

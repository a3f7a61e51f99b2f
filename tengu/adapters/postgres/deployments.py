"""The deployments: recording, reading, and what people do to them (half of the port `Deployments`).

The other half, what the process that runs one may do, is in runs.py.
"""

from __future__ import annotations

from typing import Any, LiteralString

from tengu.adapters.postgres.database import Connection, clean
from tengu.adapters.postgres.rows import one_with_steps, with_steps
from tengu.adapters.postgres.runs import Runs
from tengu.adapters.postgres.wake import wake
from tengu.domain.deployment import Deployment, NewDeployment, Outcome
from tengu.domain.people import Actor

_NUMBERS = 7_264_513_002  # key of the advisory lock under which numbers are given
UNTOLD: LiteralString = (
    "state = 'ended' AND told_at IS NULL AND finished_at < now() - interval '5 seconds' "
    "AND finished_at > now() - interval '1 day' AND (tell_again_at IS NULL OR tell_again_at <= now())"
)
_LANE: LiteralString = "app = %(app)s AND environment = %(environment)s"


class PostgresDeployments(Runs):
    """The port `Deployments`."""

    def create(self, new: NewDeployment) -> Deployment | None:
        """Record it, waiting (or held, if it says why) and wake a worker.

        Numbers are given under one lock that is kept until the commit: they have no gaps, and within a lane
        their order is the order in which the deployments were recorded.

        Returns:
            None if this merge or push was recorded before.
        """
        with self._database.transaction("record a deployment") as connection:
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (_NUMBERS,))
            row = connection.execute(
                """
                INSERT INTO deployment (number, app, environment, kind, commit, source_commit, base, pull_request,
                    items, person, target, state, code, reason)
                SELECT coalesce(max(number), 0) + 1, %(app)s, %(environment)s, %(kind)s, %(commit)s,
                    %(source_commit)s, %(base)s, %(pull_request)s, %(items)s, %(person)s, %(target)s,
                    CASE WHEN %(code)s = '' THEN 'waiting' ELSE 'held' END, %(code)s, %(reason)s
                FROM deployment
                ON CONFLICT (app, environment, commit) WHERE kind IN ('merge', 'push') DO NOTHING
                RETURNING *
                """,
                _new_row(new),
            ).fetchone()
            if row is not None and row["state"] == "waiting":
                wake(connection, "advance")
            return one_with_steps(connection, row)

    def get(self, number: int) -> Deployment | None:
        """With its steps."""
        return self._one("number = %(number)s", number=number)

    def history(
        self, *, app: str | None = None, environment: str | None = None, limit: int = 20
    ) -> tuple[Deployment, ...]:
        """Newest first, with their steps."""
        return self._read(
            "(%(app)s::text IS NULL OR app = %(app)s) "
            "AND (%(environment)s::text IS NULL OR environment = %(environment)s) "
            "ORDER BY number DESC LIMIT %(limit)s",
            app=app, environment=environment, limit=limit,
        )  # fmt: skip

    def known_commit(self, app: str, environment: str, commit: str) -> bool:
        """True if a deployment of any kind and outcome exists for it."""
        condition = _LANE + " AND commit = %(commit)s LIMIT 1"
        return self._one(condition, app=app, environment=environment, commit=commit) is not None

    def last_succeeded(self, app: str, environment: str, *, before: int | None = None) -> Deployment | None:
        """The newest with outcome succeeded (and a number below `before`)."""
        return self._one(
            _LANE + " AND outcome = 'succeeded' AND (%(before)s::bigint IS NULL OR number < %(before)s) "
            "ORDER BY number DESC LIMIT 1",
            app=app, environment=environment, before=before,
        )  # fmt: skip

    def in_lane(self, app: str, environment: str) -> Deployment | None:
        """The one that holds the lane: running, or ended as unknown and not given up."""
        return self._one(_LANE + " AND (state = 'running' OR keeps_lane)", app=app, environment=environment)

    def waiting(self, app: str, environment: str) -> tuple[Deployment, ...]:
        """Those that wait for the lane, oldest first."""
        return self._read(_LANE + " AND state = 'waiting' ORDER BY number", app=app, environment=environment)

    def held(self, app: str, environment: str) -> tuple[Deployment, ...]:
        """Those that are held, oldest first."""
        return self._read(_LANE + " AND state = 'held' ORDER BY number", app=app, environment=environment)

    def end_unstarted(self, number: int, outcome: Outcome, code: str, reason: str) -> Deployment | None:
        """End one that is waiting or held (skipped, cancelled); None if it is neither by now."""
        return self._change(
            "state = 'ended', outcome = %(outcome)s, code = %(code)s, reason = %(reason)s, "
            "finished_at = now(), told_at = now()",  # whoever ends it so tells people
            "state IN ('waiting', 'held')",
            number=number, outcome=outcome.value, code=code, reason=clean(reason),
        )  # fmt: skip

    def resume(self, number: int) -> Deployment | None:
        """Held -> waiting; None if it is not held."""
        return self._change("state = 'waiting', code = '', reason = ''", "state = 'held'", number=number)

    def request_cancel(self, number: int, by: Actor) -> Deployment | None:
        """Ask a running one to stop; None if it is not running. The first who asked is remembered."""
        return self._change(
            "cancel_requested_by = coalesce(cancel_requested_by, %(by)s)", "state = 'running'",
            number=number, by=clean(str(by)),
        )  # fmt: skip

    def release_lane(self, number: int) -> bool:
        """Give up the lane of one that ended as unknown; False if it does not hold it."""
        return self._change("keeps_lane = false", "keeps_lane", number=number) is not None

    def untold(self) -> tuple[Deployment, ...]:
        """Those whose run ended some seconds ago, at most a day, and whose end was not passed on to people.

        Each is answered once in 30 seconds, so that many processes do not tell it at once.
        """
        with self._database.transaction("look for ends that nobody heard of") as connection:
            rows = connection.execute(
                "UPDATE deployment SET tell_again_at = now() + interval '30 seconds' WHERE " + UNTOLD + " RETURNING *"
            ).fetchall()
            return with_steps(connection, sorted(rows, key=lambda row: int(row["number"])))

    def told(self, number: int) -> None:
        """Its end was passed on to people."""
        with self._database.transaction("note that people know of an end") as connection:
            connection.execute("UPDATE deployment SET told_at = now() WHERE number = %s", (number,))

    def _change(self, changes: LiteralString, only_if: LiteralString, **values: Any) -> Deployment | None:
        """Change one row if it still is as expected; a worker looks afterwards what may start now."""
        with self._database.transaction("change a deployment") as connection:
            row = connection.execute(
                "UPDATE deployment SET " + changes + " WHERE number = %(number)s AND " + only_if + " RETURNING *",
                values,
            ).fetchone()
            if row is not None:
                wake(connection, "advance")
            return one_with_steps(connection, row)

    def _one(self, condition: LiteralString, **values: Any) -> Deployment | None:
        found = self._read(condition, **values)
        return found[0] if found else None

    def _read(self, condition: LiteralString, **values: Any) -> tuple[Deployment, ...]:
        with self._database.transaction("read deployments") as connection:
            return _select(connection, condition, values)


def _select(connection: Connection, condition: LiteralString, values: dict[str, Any]) -> tuple[Deployment, ...]:
    rows = connection.execute("SELECT * FROM deployment WHERE " + condition, values).fetchall()
    return with_steps(connection, rows)


def _new_row(new: NewDeployment) -> dict[str, Any]:
    return {
        "app": new.app,
        "environment": new.environment,
        "kind": new.kind.value,
        "commit": new.commit,
        "source_commit": new.source_commit,
        "base": new.base,
        "pull_request": new.pull_request,
        "items": list(new.items),
        "person": clean(str(new.person)),
        "target": new.target,
        "code": new.hold_code,
        "reason": clean(new.hold_reason),
    }

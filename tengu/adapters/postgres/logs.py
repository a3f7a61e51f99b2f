"""What the steps of a deployment printed (the port `DeploymentLogs`)."""

from __future__ import annotations

from collections.abc import Sequence

from tengu.adapters.postgres.database import Database, clean
from tengu.domain.deployment import StepName
from tengu.ports.store import LogLine

_MOST_LINES = 10_000
_LONGEST_LINE = 2_000
_FULL = f"(this deployment has printed {_MOST_LINES} lines: the rest is not kept)"


class PostgresDeploymentLogs:
    """Bounded: a step that prints for ever does not fill the disk."""

    def __init__(self, database: Database, most_lines: int = _MOST_LINES) -> None:
        self._database = database
        self._most_lines = most_lines

    def append(self, number: int, step: StepName, lines: Sequence[str]) -> None:
        """Add lines; what goes beyond the bound is dropped, and that is said once."""
        with self._database.transaction("write a deployment's log") as connection, connection.cursor() as cursor:
            rows = cursor.execute(
                "SELECT count(*) AS kept FROM deployment_log WHERE deployment = %s", (number,)
            ).fetchall()
            room = self._most_lines - rows[0]["kept"]
            if room <= 0:
                return
            kept = [clean(line)[:_LONGEST_LINE] for line in lines[:room]]
            if len(lines) >= room:
                kept[-1] = _FULL
            cursor.executemany(
                "INSERT INTO deployment_log (deployment, step, line) VALUES (%s, %s, %s)",
                [(number, step.value, line) for line in kept],
            )

    def read(self, number: int, after: int = 0, limit: int = 1000) -> tuple[LogLine, ...]:
        """Lines behind that position, oldest first."""
        with self._database.transaction("read a deployment's log") as connection:
            rows = connection.execute(
                "SELECT position, at, step, line FROM deployment_log WHERE deployment = %s AND position > %s "
                "ORDER BY position LIMIT %s",
                (number, after, limit),
            ).fetchall()
            return tuple(LogLine(**row) for row in rows)

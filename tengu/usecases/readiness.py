"""Is this process ready: database, sweep and disk are required; Slack and GitHub are reported."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tengu.errors import ServiceError
from tengu.ports.clock import Clock

MIN_DISK = 1_000_000_000
MAX_SWEEP_AGE = 60.0
PROBE_EVERY = 30.0
Probe = Callable[[], None]


@dataclass(frozen=True)
class Report:
    """What was found; a value is `ok` or says what is wrong."""

    required: Mapping[str, str]
    reported: Mapping[str, str]

    @property
    def is_ready(self) -> bool:
        """True if nothing that is required is wrong."""
        return all(value == "ok" for value in self.required.values())

    def to_json(self) -> dict[str, Any]:
        """As `/readyz` answers it."""
        return {"ready": self.is_ready, **self.required, **self.reported}


@dataclass
class Readiness:
    """Callable; outside services are asked at most every 30 seconds.

    Args:
        database: raises ServiceError if the database cannot be reached or is not migrated.
        sweep_age: seconds since the sweep last ran in this process.
        folder: where Tengu works; its disk is looked at.
        outside: what raises ServiceError if that service cannot be reached.
    """

    database: Probe
    sweep_age: Callable[[], float]
    folder: Path
    outside: Mapping[str, Probe]
    clock: Clock
    _outside: dict[str, str] = field(default_factory=dict)
    _asked_at: float | None = None

    def __call__(self) -> Report:
        """Look."""
        age = self.sweep_age()
        free = shutil.disk_usage(self.folder).free
        required = {
            "database": _answer(self.database),
            "sweep": "ok" if age < MAX_SWEEP_AGE else f"last ran {age:.0f} s ago",
            "disk": "ok" if free > MIN_DISK else f"only {free // 1_000_000} MB free in {self.folder}",
        }
        return Report(required, self._ask_outside())

    def _ask_outside(self) -> Mapping[str, str]:
        now = self.clock.monotonic()
        if self._asked_at is None or now - self._asked_at > PROBE_EVERY:
            self._asked_at = now
            self._outside = {name: _answer(probe) for name, probe in self.outside.items()}
        return self._outside


def _answer(probe: Probe) -> str:
    try:
        probe()
    except ServiceError as error:
        return str(error)
    return "ok"

"""Asks a deployed application whether it is well."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class HealthAnswer:
    """One answer.

    Args:
        status: HTTP status; None if nothing answered.
        value: the asked-for field as text, where the answer is a JSON object that has it; None otherwise.
        problem: why it does not count, one phrase without anything of the answer's body; empty if nothing is wrong.
    """

    status: int | None
    value: str | None
    problem: str


class HealthCheck(Protocol):
    """HTTP GET."""

    def ask(self, url: str, field: str | None) -> HealthAnswer:
        """One GET, with a time-out of seconds.

        Raises Refused("check_url_refused", …) for an address that may not be asked (other schemes, link-local and
        cloud metadata addresses).
        """

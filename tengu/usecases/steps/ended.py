"""A step that ends the deployment with an outcome of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tengu.domain.deployment import Outcome
from tengu.errors import TenguError


class Ended(TenguError):
    """The deployment is over, and it is known for sure how: rolled back, failed, superseded or cancelled.

    Args:
        outcome: never `succeeded` (that is a step's result) and never `unknown` (that is OutcomeUnknown).
        code: stable reason code.
        reason: what happened and what runs now, a few sentences of plain text.
        output: facts worth keeping with the step; JSON.
    """

    def __init__(self, outcome: Outcome, code: str, reason: str, output: Mapping[str, Any] | None = None) -> None:
        super().__init__(reason)
        self.outcome = outcome
        self.code = code
        self.reason = reason
        self.output = output or {}

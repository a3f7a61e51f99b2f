"""How a deployment ends, from what its step raised."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tengu.domain.deployment import Deployment, Outcome, StepName, StepState
from tengu.errors import CancelRequested, OutcomeUnknown, Refused, ServiceError, StepFailed
from tengu.usecases.steps.ended import Ended

_CHANGES_SOMETHING = (StepName.MIGRATE, StepName.ROLL_OUT, StepName.CHECK)
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Verdict:
    """The end of a deployment, as `Deployments.finish` takes it.

    Args:
        facts: worth keeping with the step that ended it; JSON.
    """

    outcome: Outcome
    code: str = ""
    reason: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)


def judge(error: Exception, deployment: Deployment, step: StepName) -> Verdict:
    """The verdict on a deployment whose step ended with that exception (never LeaseLost)."""
    match error:
        case Ended():
            return Verdict(error.outcome, error.code, error.reason, error.output)
        case StepFailed():
            return Verdict(Outcome.FAILED, error.code, error.reason)
        case OutcomeUnknown():
            return Verdict(Outcome.UNKNOWN, error.code, error.reason)
        case CancelRequested():
            return _cancelled(deployment, step)
        case Refused():
            return Verdict(Outcome.FAILED, error.code, str(error))
        case ServiceError():
            return Verdict(Outcome.FAILED, "service_failed", str(error))
        case _:
            return _surprise(error, deployment, step)


def _cancelled(deployment: Deployment, step: StepName) -> Verdict:
    if step is StepName.CHECK:
        reason = "The cancel came when everything was rolled out: the new version serves, its check did not finish."
        return Verdict(Outcome.FAILED, "cancelled_too_late", reason)
    migrate = deployment.step(StepName.MIGRATE)
    migrated = migrate is not None and migrate.state is StepState.DONE
    also = " Its migration had run and stays." if migrated else ""
    return Verdict(Outcome.CANCELLED, "cancelled", f"No service was changed.{also}")


def _surprise(error: Exception, deployment: Deployment, step: StepName) -> Verdict:
    """A bug: what it left behind outside is known only for steps that change nothing there."""
    reference = secrets.token_hex(4)
    _log.error("deployment %s, step %s, reference %s", deployment.number, step.value, reference, exc_info=error)
    outcome = Outcome.UNKNOWN if step in _CHANGES_SOMETHING else Outcome.FAILED
    reason = f"Something unexpected happened in {step.value}; Tengu's log has it under reference {reference}."
    return Verdict(outcome, "unexpected", reason)


def succeeded(deployment: Deployment) -> Verdict:
    """Every step is done; what they found worth saying is said."""
    notes = [str(note) for step in deployment.steps for note in deployment.output(step.name).get("notes", ())]
    return Verdict(Outcome.SUCCEEDED, "", " ".join(notes))

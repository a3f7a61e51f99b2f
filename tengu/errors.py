"""Everything Tengu raises on purpose, in one tree.

    TenguError
    ├── Refused          a person asked for something that may not be done now: code, fact, next command
    ├── ServiceError     an outside service failed or refused: service, action, what to do
    ├── StepFailed       a step of a deployment ended badly, and that is known for sure
    ├── OutcomeUnknown   a step ended and nobody can say how: the lane stays taken
    ├── CancelRequested  a person cancelled the deployment; the step stops at the next safe point
    └── LeaseLost        another process owns this deployment now: do nothing more

`Refused` and `ServiceError` are shown to people as they are. Anything else that escapes is a bug: people get
an apology with a reference, the log gets the traceback.
"""

from __future__ import annotations


class TenguError(Exception):
    """Base of everything Tengu raises on purpose."""


class Refused(TenguError):
    """What was asked may not be done now.

    Args:
        code: stable reason code, lower_snake_case, for programs and tests (`environment_locked`).
        fact: the fact behind the refusal, one sentence, plain text.
        next_step: what the person can do now, as a command to type or one sentence.
    """

    def __init__(self, code: str, fact: str, next_step: str = "") -> None:
        super().__init__(" ".join(part for part in (fact, next_step) if part))
        self.code = code
        self.fact = fact
        self.next_step = next_step


class ServiceError(TenguError):
    """An outside service failed, refused, or could not be reached.

    Args:
        service: its name as people know it (`GitHub`, `Slack`, `AWS ECS`, `image registry`, `docker`, `git`).
        action: the method or call that failed (`conversations.members`, `UpdateService`).
        detail: what it answered, one line, without secrets.
        advice: what a person can do about it, one sentence; empty when waiting is all there is.
        transient: True if the same call may succeed later without anybody changing anything.
        retry_after: seconds the service asked us to wait, if it did.
    """

    def __init__(
        self,
        service: str,
        action: str,
        detail: str,
        *,
        advice: str = "",
        transient: bool = False,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(f"{service} could not do {action}: {detail}" + (f" {advice}" if advice else ""))
        self.service = service
        self.action = action
        self.detail = detail
        self.advice = advice
        self.transient = transient
        self.retry_after = retry_after


class StepFailed(TenguError):
    """A step of a deployment failed, and that is known for sure.

    Args:
        code: stable reason code (`build_failed`, `migration_failed`, `rollout_failed`, `check_failed`).
        reason: one or two sentences a person reads in Slack.
    """

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class OutcomeUnknown(TenguError):
    """A step ended and nobody can say how (ECS forgot the task, a rollback failed): never guess."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class CancelRequested(TenguError):
    """A person asked to cancel this deployment."""


class LeaseLost(TenguError):
    """Another process owns this deployment now, or might: stop at once, write nothing, touch nothing."""

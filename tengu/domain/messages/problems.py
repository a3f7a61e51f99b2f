"""What is said when something cannot be done: refused, a service away, a bug."""

from __future__ import annotations

from tengu.domain.message import Message
from tengu.domain.text import mrkdwn
from tengu.errors import Refused, ServiceError


def refused(refusal: Refused) -> Message:
    """Fact, next step, and the stable reason code."""
    parts = [f":no_entry: {mrkdwn(refusal.fact)}", refusal.next_step, f"(`{refusal.code}`)"]
    return Message(" ".join(part for part in parts if part))


def service_failed(error: ServiceError) -> Message:
    """Which service, which call, what it said, what to do."""
    parts = [f":warning: {error.service} could not do `{error.action}`: {mrkdwn(error.detail)}", error.advice]
    if error.transient or not error.advice:
        parts.append("Ask again in a few minutes; what is done already is not done twice.")
    return Message(" ".join(part for part in parts if part))


def trying_again(error: ServiceError) -> Message:
    """The same while Tengu still tries."""
    detail = mrkdwn(error.detail.rstrip("."))
    return Message(
        f":hourglass: {error.service} does not answer `{error.action}` at the moment ({detail}). "
        f"I keep trying for a few minutes."
    )


def unexpected(reference: str) -> Message:
    """A bug: short, with what finds it in the log."""
    return Message(
        f":warning: That went wrong in a way I did not expect. Look for `{reference}` in Tengu's log, or show it to "
        f"whoever runs me."
    )

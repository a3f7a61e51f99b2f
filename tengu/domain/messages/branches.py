"""What is said when a deployment branch did something that Tengu will not deploy."""

from __future__ import annotations

from tengu.domain.message import Message
from tengu.domain.messages.words import short
from tengu.domain.text import mrkdwn


def not_deployed(app: str, environment: str, head: str, fact: str) -> Message:
    """A bare or forced push."""
    return Message(
        f":warning: {short(head)} on the deployment branch of *{app} {environment}* is not deployed: {mrkdwn(fact)}. "
        f"To bring what is on the source branch: `@tengu deploy {environment} {app}` and merge the pull request."
    )

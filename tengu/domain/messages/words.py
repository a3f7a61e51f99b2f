"""Small pieces that all messages share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tengu.domain.deployment import Deployment, Outcome
from tengu.domain.people import Actor
from tengu.domain.text import mrkdwn

EMOJI = {
    Outcome.SUCCEEDED: ":white_check_mark:",
    Outcome.ROLLED_BACK: ":leftwards_arrow_with_hook:",
    Outcome.FAILED: ":x:",
    Outcome.SUPERSEDED: ":fast_forward:",
    Outcome.CANCELLED: ":no_entry_sign:",
    Outcome.SKIPPED: ":fast_forward:",
    Outcome.UNKNOWN: ":grey_question:",
}
OUTCOME_WORDS = {
    Outcome.SUCCEEDED: "succeeded",
    Outcome.ROLLED_BACK: "was rolled back",
    Outcome.FAILED: "failed",
    Outcome.SUPERSEDED: "was superseded",
    Outcome.CANCELLED: "was cancelled",
    Outcome.SKIPPED: "was skipped",
    Outcome.UNKNOWN: "ended, and nobody can say how",
}


def _same(login: str) -> None:
    return None


@dataclass(frozen=True)
class Names:
    """How people are written in a message.

    Args:
        slack_id: Slack user id of a GitHub login, if it is known.
    """

    slack_id: Callable[[str], str | None] = field(default=_same)

    def login(self, login: str) -> str:
        """A GitHub account: mentioned in Slack where that is known, else its login."""
        user = self.slack_id(login)
        return f"<@{user}>" if user else f"`{mrkdwn(login)}`"

    def actor(self, actor: Actor) -> str:
        """Whoever did something."""
        if actor.source == "slack":
            return f"<@{actor.id}>"
        if actor.source == "github":
            return self.login(actor.id)
        return f"{mrkdwn(actor.id)} (command line)" if actor.source == "cli" else "Tengu"


def link(url: str, label: str) -> str:
    """A link, or the label alone where there is no address."""
    return f"<{url}|{mrkdwn(label)}>" if url else mrkdwn(label)


def short(commit: str) -> str:
    """A commit as people write it."""
    return f"`{commit[:7]}`"


def duration(seconds: float) -> str:
    """`0.4 s`, `48 s`, `3 min 05 s`, `2 h 10 min`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes == 0:
        return f"{rest} s"
    hours, minutes_left = divmod(minutes, 60)
    return f"{hours} h {minutes_left:02d} min" if hours else f"{minutes} min {rest:02d} s"


def span(length: timedelta) -> str:
    """A duration in words as tengu.yml writes it: `2h`, `90s`, `7d`."""
    seconds = int(length.total_seconds())
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def when(moment: datetime) -> str:
    """A time that Slack shows in each reader's own zone, with UTC as the fallback."""
    fallback = moment.strftime("%Y-%m-%d %H:%M UTC")
    return f"<!date^{int(moment.timestamp())}^{{date_short_pretty}} {{time}}|{fallback}>"


def numbers(items: Iterable[int]) -> str:
    """`#12, #13`."""
    return ", ".join(f"#{item}" for item in items)


def plural(count: int, word: str) -> str:
    """`1 pull request`, `2 pull requests`."""
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def took(deployment: Deployment, now: datetime) -> str:
    """How long a deployment ran, or has run so far."""
    start = deployment.started_at or deployment.created_at
    return duration(((deployment.finished_at or now) - start).total_seconds())

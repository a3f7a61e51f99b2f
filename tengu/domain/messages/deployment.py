"""The messages about one deployment: status (edited as it proceeds), closing reply, alert."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from tengu.domain.deployment import Deployment, Kind, Outcome, State, StepName, StepState
from tengu.domain.message import Block, Button, Buttons, Context, Message, Section
from tengu.domain.messages.words import EMOJI, OUTCOME_WORDS, Names, duration, link, numbers, short, took
from tengu.domain.text import mrkdwn

_STEP_EMOJI = {
    StepState.RUNNING: ":hourglass_flowing_sand:",
    StepState.DONE: ":white_check_mark:",
    StepState.FAILED: ":x:",
    StepState.SKIPPED: ":white_small_square:",
}


@dataclass(frozen=True)
class Links:
    """Addresses a deployment's messages point to; empty where there is none."""

    pull_request: str = ""
    commit: str = ""
    page: str = ""


def title(deployment: Deployment) -> str:
    """`web to production`, or `web in production back to deployment 9`."""
    if deployment.kind is Kind.ROLLBACK:
        return f"{deployment.app} in {deployment.environment} back to deployment {deployment.target}"
    return f"{deployment.app} to {deployment.environment}"


def status(
    deployment: Deployment, plan: Iterable[StepName], names: Names, links: Links, now: datetime, place: int = 0
) -> Message:
    """The one message that is edited as the deployment proceeds.

    Args:
        plan: the steps this deployment will take, in order.
        place: how many wait in front of it for the lane, while it waits.
    """
    headline = f"{_emoji(deployment)} *{_headline(deployment)}* (deployment {deployment.number})"
    facts = [f"by {names.actor(deployment.person)}", f"commit {_commit(deployment, links)}"]
    if deployment.pull_request:
        facts.insert(0, link(links.pull_request, f"#{deployment.pull_request}"))
    if links.page:
        facts.append(link(links.page, "log"))
    blocks: list[Block] = [Section(headline), Context(" · ".join(facts))]
    steps = _steps(deployment, plan, now)
    if steps:
        blocks.append(Section(steps))
    if sentence := _sentence(deployment, place):
        blocks.append(Section(sentence))
    if buttons := _buttons(deployment):
        blocks.append(Buttons(buttons))
    return Message(" ".join(part for part in (headline, sentence) if part), tuple(blocks))


def closing(
    deployment: Deployment, names: Names, authors: Iterable[str], unverified: Iterable[int], now: datetime
) -> Message:
    """The reply at the end: it mentions whoever merged and the authors, because an edit notifies nobody."""
    people = " ".join(dict.fromkeys([names.actor(deployment.person), *(names.login(login) for login in authors)]))
    return Message(f"{people}: {_end(deployment, now)}{_to_verify(deployment, tuple(unverified))}")


def alert(deployment: Deployment, names: Names, now: datetime) -> Message:
    """What the channel hears when a deployment did not succeed."""
    return Message(f"{names.actor(deployment.person)}: {_end(deployment, now)}")


def _end(deployment: Deployment, now: datetime) -> str:
    emoji = EMOJI[deployment.outcome] if deployment.outcome else ""
    words = OUTCOME_WORDS[deployment.outcome] if deployment.outcome else ""
    after = f" after {took(deployment, now)}" if deployment.started_at else ""
    sentence = f"{emoji} deployment {deployment.number} of {title(deployment)} *{words}*{after}."
    return " ".join(part for part in (sentence, mrkdwn(deployment.reason), _next_step(deployment)) if part)


def _to_verify(deployment: Deployment, unverified: tuple[int, ...]) -> str:
    if deployment.outcome is not Outcome.SUCCEEDED or not unverified:
        return ""
    command = f"`@tengu verify {' '.join(f'#{item}' for item in unverified[:3])}`"
    return f"\nStill to verify: {numbers(unverified)}. Tick your box in the pull request, or write {command}."


def _next_step(deployment: Deployment) -> str:
    environment = f"{deployment.environment} {deployment.app}"
    match deployment.outcome:
        case Outcome.CANCELLED:
            return f"To deploy the same commit after all: `@tengu retry {environment}`"
        case Outcome.FAILED | Outcome.ROLLED_BACK:
            return f"Once the cause is mended: `@tengu retry {environment}` for the same commit, or merge a fix."
        case Outcome.UNKNOWN:
            return (
                f"Look at the services in ECS first. Nothing else is deployed to {deployment.environment} until you "
                f"write `@tengu retry {environment}`, `@tengu rollback {environment}` or "
                f"`@tengu unlock {environment} --force`."
            )
        case Outcome.SUPERSEDED:
            return f"`@tengu status {environment}` shows what runs now."
        case _:
            return ""


def _headline(deployment: Deployment) -> str:
    name = title(deployment)
    match deployment.state:
        case State.HELD:
            return f"Held: {name}"
        case State.WAITING:
            return f"Waiting: {name}"
        case State.RUNNING if deployment.cancel_requested_by:
            return f"Cancelling {name}"
        case State.RUNNING:
            return f"Deploying {name}" if deployment.kind is not Kind.ROLLBACK else f"Rolling back {name}"
        case State.ENDED:
            words = OUTCOME_WORDS[deployment.outcome] if deployment.outcome else "ended"
            return f"{name}: {words}"


def _emoji(deployment: Deployment) -> str:
    if deployment.outcome:
        return EMOJI[deployment.outcome]
    return {State.HELD: ":raised_hand:", State.WAITING: ":hourglass:"}.get(deployment.state, ":rocket:")


def _commit(deployment: Deployment, links: Links) -> str:
    return f"<{links.commit}|`{deployment.commit[:7]}`>" if links.commit else short(deployment.commit)


def _steps(deployment: Deployment, plan: Iterable[StepName], now: datetime) -> str:
    if deployment.state in (State.HELD, State.WAITING):
        return ""
    lines = []
    for name in plan:
        step = deployment.step(name)
        if step is None:
            if deployment.state is not State.ENDED:
                lines.append(f":white_small_square: {name.value}")
            continue
        detail = f": {mrkdwn(step.detail)}" if step.detail else ""
        time = "" if step.state is StepState.SKIPPED else f" {duration(step.seconds(now))}"
        lines.append(f"{_STEP_EMOJI[step.state]} {name.value}{time}{detail}")
    return "\n".join(lines)


def _sentence(deployment: Deployment, place: int) -> str:
    match deployment.state:
        case State.HELD:
            command = f"`@tengu resume {deployment.environment} {deployment.app}`"
            return f"{mrkdwn(deployment.reason)} To start it anyway once that is settled: {command}"
        case State.WAITING:
            return f"Waiting for its turn; {place} in front of it." if place else "It starts in a moment."
        case State.ENDED:
            return " ".join(part for part in (mrkdwn(deployment.reason), _next_step(deployment)) if part)
        case State.RUNNING:
            return ""


def _buttons(deployment: Deployment) -> tuple[Button, ...]:
    target = f"{deployment.environment} {deployment.app}"
    if deployment.state is State.RUNNING and not deployment.cancel_requested_by:
        return (_command("Cancel", f"cancel {target}", "danger", "Stop this deployment?"),)
    if deployment.state is State.HELD:
        return (_command("Start it", f"resume {target}", "primary", "Start this deployment now?"),)
    if deployment.outcome in (Outcome.FAILED, Outcome.ROLLED_BACK, Outcome.UNKNOWN):
        return (_command("Retry", f"retry {target}", "primary", "Deploy the same commit once more?"),)
    return ()


def _command(label: str, command: str, style: str, question: str) -> Button:
    return Button(label, "command", command, style="danger" if style == "danger" else "primary", confirm=question)

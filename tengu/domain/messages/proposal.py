"""What `deploy` and `diff` answer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tengu.domain.answer import Answer
from tengu.domain.changeset import Changeset, Entry
from tengu.domain.deployment import Deployment, Outcome, State
from tengu.domain.messages.words import Names, link, numbers, plural, short
from tengu.domain.text import mrkdwn
from tengu.domain.verifiers import Mention, verifiers

SHOWN = 30
_DEPLOYS = "\nMerging it deploys it."


def proposed(
    word: str, url: str, number: int, changeset: Changeset, names: Names, *, mention: Mention, closed: str = ""
) -> Answer:
    """The deployment pull request is there.

    Args:
        word: `Opened`, `Refreshed` or `Nothing new in`.
        closed: the lock or freeze in force, one sentence.
    """
    owners = dict.fromkeys(user.login for entry in changeset.entries for user in verifiers(entry.pull_request, mention))
    by = f" by {', '.join(names.login(login) for login in owners)}" if owners else ""
    text = (
        f"{word} {link(url, f'#{number}')}: *{_counts(changeset)}*{by} for *{changeset.app} {changeset.environment}*."
    )
    if changeset.truncated:
        text += f"\n:warning: {mrkdwn(changeset.truncated)}"
    resume = f"`@tengu resume {changeset.environment} {changeset.app}`"
    text += f"\n:lock: {mrkdwn(closed)} What is merged now is held until {resume}." if closed else _DEPLOYS
    return Answer(text, {"pull_request": number, "url": url, **to_json(changeset, mention)})


def nothing_to_deploy(
    changeset: Changeset, running: Deployment | None, newest: Deployment | None = None, forward: int | None = None
) -> Answer:
    """There is nothing to merge.

    Args:
        newest: the newest deployment that was not skipped: why what is on the branch does not run.
        forward: a succeeded deployment that a rollback took back.
    """
    where = f"{changeset.app} {changeset.environment}"
    data = {"pull_request": None, "url": None}
    if not changeset.is_empty:
        return Answer(
            f"Nothing to merge: what {where} does not run ({_counts(changeset)}) is on the deployment branch already. "
            f"{_what_brings_it(changeset, newest, forward)}",
            data,
        )
    since = f" (deployment {running.number}, {short(running.commit)})" if running else ""
    return Answer(f"Nothing to deploy: {where} runs everything that is on the source branch{since}.", data)


def _what_brings_it(changeset: Changeset, newest: Deployment | None, forward: int | None) -> str:
    place = f"{changeset.environment} {changeset.app}"
    if newest is None:
        return f"`@tengu status {place}` shows what is known of it."
    match newest.state:
        case State.HELD:
            return f"Deployment {newest.number}, which brings it, is held; to start it: `@tengu resume {place}`"
        case State.WAITING | State.RUNNING:
            return f"Deployment {newest.number}, which brings it, is {newest.state.value}."
        case State.ENDED if newest.outcome is not Outcome.SUCCEEDED:
            return f"Deployment {newest.number} did not bring it; to try again: `@tengu retry {place}`"
    later = f"or merge a fix into the source branch and ask again: {place} then gets both."
    if forward is not None:
        return f"It was rolled back. To go forward again: `@tengu rollback {place} to {forward}`, {later}"
    return f"It was rolled back; {later.removeprefix('or ')}"


def branch_missing(app: str, environment: str, branch: str, source: str, start: str, title: str) -> Answer:
    """The deployment branch does not exist: ask."""
    question = (
        f"There is no branch `{mrkdwn(branch)}` yet. Shall I create it at {short(start)} ({mrkdwn(title)}), the commit "
        f"before the head of `{mrkdwn(source)}`? Everything up to there then counts as running in {environment}. "
        f"If something else runs there, create the branch at that commit yourself and ask again."
    )
    return Answer(question, question=question, command=f"deploy {environment} {app}")


def diff(changeset: Changeset, names: Names, mention: Mention) -> Answer:
    """What `deploy` would bring."""
    data = to_json(changeset, mention)
    if changeset.is_empty:
        return Answer(nothing_to_deploy(changeset, None).text, data)
    lines = [_entry(entry, names, mention) for entry in changeset.entries[:SHOWN]]
    if len(changeset.entries) > SHOWN:
        lines.append(f"… and {len(changeset.entries) - SHOWN} more")
    lines += [f"• {short(commit.sha)} {mrkdwn(commit.title)} (no pull request)" for commit in changeset.commits[:10]]
    if len(changeset.commits) > 10:
        lines.append(f"… and {plural(len(changeset.commits) - 10, 'more commit')} without a pull request")
    if changeset.truncated:
        lines.append(f":warning: {mrkdwn(changeset.truncated)}")
    command = f"`@tengu deploy {changeset.environment} {changeset.app}`"
    where = f"*{changeset.app} {changeset.environment}*"
    head = f"{where} does not run {_counts(changeset)} yet; {command} opens the pull request."
    return Answer("\n".join([head, *lines]), data)


def to_json(changeset: Changeset, mention: Mention) -> dict[str, Any]:
    """`diff --json`."""
    return {
        "app": changeset.app,
        "environment": changeset.environment,
        "base": changeset.base,
        "head": changeset.head,
        "pull_requests": [
            {
                "number": entry.pull_request.number,
                "title": entry.pull_request.title,
                "author": entry.pull_request.author.login if entry.pull_request.author else None,
                "verifiers": [user.login for user in verifiers(entry.pull_request, mention)],
                "commits": [commit.sha for commit in entry.commits],
                "labels": list(entry.pull_request.labels),
                "again": entry.again,
                "reverted_by": entry.reverted_by,
            }
            for entry in changeset.entries
        ],
        "commits": [
            {
                "sha": commit.sha,
                "title": commit.title,
                "author": commit.author.login if commit.author else commit.author_name,
            }
            for commit in changeset.commits
        ],
    }


def slipped_in(number: int, url: str, items: Iterable[int]) -> str:
    """What came into the pull request seconds before its merge."""
    return f"{numbers(items)} came into {link(url, f'#{number}')} right before the merge and is deployed with it."


def _entry(entry: Entry, names: Names, mention: Mention) -> str:
    request = entry.pull_request
    who = ", ".join(names.login(user.login) for user in verifiers(request, mention))
    again = f" (again: deployment {entry.again} did not stay)" if entry.again else ""
    reverted = f" (reverted by #{entry.reverted_by})" if entry.reverted_by else ""
    return f"• {link(request.url, f'#{request.number}')} {mrkdwn(request.title)} ({who}){again}{reverted}"


def _counts(changeset: Changeset) -> str:
    parts = []
    if changeset.entries:
        parts.append(plural(len(changeset.entries), "pull request"))
    if changeset.commits:
        parts.append(
            f"{plural(len(changeset.commits), 'commit')} without one"
            if parts
            else plural(len(changeset.commits), "commit")
        )
    return " and ".join(parts)

"""Who is asked to verify a merged pull request."""

from __future__ import annotations

from typing import Literal

from tengu.domain.changeset import MergedPullRequest
from tengu.domain.people import GitHubUser

Mention = Literal["author", "assignees", "merger"]


def verifiers(pull_request: MergedPullRequest, mention: Mention) -> tuple[GitHubUser, ...]:
    """The people whose tick is wanted; empty if every candidate is a bot or a deleted account.

    A bot verifies nothing: whoever merged its pull request does. Without assignees the author is asked.
    """
    author, merger = _people(pull_request.author), _people(pull_request.merged_by)
    if mention == "merger":
        return merger or author
    if mention == "assignees":
        return _people(*pull_request.assignees) or author or merger
    return author or merger


def _people(*users: GitHubUser | None) -> tuple[GitHubUser, ...]:
    return tuple(user for user in users if user is not None and not user.is_bot)

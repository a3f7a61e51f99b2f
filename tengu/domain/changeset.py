"""The changeset: everything on the source branch that an environment does not run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from tengu.domain.people import GitHubUser


@dataclass(frozen=True)
class Commit:
    """One commit.

    Args:
        sha: 40 hexadecimal digits.
        title: first line of its message.
        author: GitHub account of its author, where GitHub knows one.
        author_name: the name in the commit itself.
        committed_at: committer date, UTC.
        parents: parent shas, first parent first.
        body: the rest of its message; empty where it was not asked for.
    """

    sha: str
    title: str
    author: GitHubUser | None
    author_name: str
    committed_at: datetime
    parents: tuple[str, ...] = ()
    body: str = ""


@dataclass(frozen=True)
class MergedPullRequest:
    """One merged pull request.

    Args:
        base: the branch it was merged into.
        merge_commit: GitHub's `merge_commit_sha` (of a squash or rebase too).
    """

    number: int
    title: str
    url: str
    author: GitHubUser | None
    merged_by: GitHubUser | None
    assignees: tuple[GitHubUser, ...]
    labels: tuple[str, ...]
    base: str
    merge_commit: str
    merged_at: datetime


@dataclass(frozen=True)
class Entry:
    """One merged pull request of a changeset, with the commits it brought.

    Args:
        again: number of the last deployment that already carried it and did not stay; None if it is new.
        again_outcome: how that one ended (`rolled_back`, `failed`, …); a succeeded one was rolled back later.
        reverted_by: number of the pull request of the same changeset that reverts it, if one does.
    """

    pull_request: MergedPullRequest
    commits: tuple[Commit, ...]
    again: int | None = None
    reverted_by: int | None = None
    again_outcome: str = ""


@dataclass(frozen=True)
class Changeset:
    """Everything on the source branch that the environment does not run.

    Every commit of base..head stands in exactly one place: one entry, or `commits`.

    Args:
        base: source commit of the last succeeded deployment, else the deployment branch's head.
        head: head of the source branch.
        entries: merged pull requests, in the order in which they were merged.
        commits: commits that came without a pull request, oldest first.
        truncated: what could not be listed and why, one sentence; empty when everything is there.
    """

    app: str
    environment: str
    repository: str
    base: str
    head: str
    entries: tuple[Entry, ...]
    commits: tuple[Commit, ...]
    truncated: str = ""

    @property
    def is_empty(self) -> bool:
        """True if there is nothing to deploy."""
        return not self.entries and not self.commits

    @property
    def numbers(self) -> tuple[int, ...]:
        """Numbers of the merged pull requests."""
        return tuple(entry.pull_request.number for entry in self.entries)

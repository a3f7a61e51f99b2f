"""Which pull request a commit came with, as GitHub's index knows it."""

from __future__ import annotations

from tengu.sandbox.github.hub import Hub
from tengu.sandbox.github.model import PullRequest, Repository


def record_merge(repository: Repository, pull: PullRequest) -> None:
    """Remember what a merged pull request brought: its own commits, and those the merge made."""
    for sha in dict.fromkeys((*pull.commits, *pull.landed)):
        repository.brought.setdefault(sha, []).append(pull)


def associated(hub: Hub, repository: Repository, sha: str) -> list[PullRequest]:
    """Pull requests of a commit: the merged ones that brought it, into any branch; and where it is not on the
    default branch, the open ones that would. None at all while the commit is younger than the index lags."""
    if hub.now() - repository.store.commit(sha).committer.at < hub.index_lag:
        return []
    found = list(repository.brought.get(sha, ()))
    default = repository.head(repository.default_branch)
    if default is None or not repository.history.contains(default, sha):
        found += [pull for pull in repository.pulls.values() if _would_bring(repository, pull, sha)]
    return found


def _would_bring(repository: Repository, pull: PullRequest, sha: str) -> bool:
    if pull.closed_at is not None:
        return False
    return any(commit.sha == sha for commit in repository.history.between(pull.base_sha, pull.head_sha))

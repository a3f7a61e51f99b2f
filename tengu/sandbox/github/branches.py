"""What happens on GitHub when a branch moves."""

from __future__ import annotations

from tengu.sandbox.github import payloads
from tengu.sandbox.github.associations import record_merge
from tengu.sandbox.github.errors import GitHubError
from tengu.sandbox.github.facts import commits_of
from tengu.sandbox.github.hub import Hub
from tengu.sandbox.github.model import Account, PullRequest, Repository
from tengu.sandbox.github.refs import RefTaken

HEADS = "refs/heads/"


def move(hub: Hub, repository: Repository, ref: str, sha: str | None, by: Account) -> None:
    """Create, move or (None) delete a ref on GitHub's side, with everything that follows from it."""
    before = repository.refs.get(ref)
    if sha is None:
        repository.refs.delete(ref)
    else:
        try:
            repository.refs.set(ref, sha)
        except RefTaken as error:
            raise GitHubError(422, "Reference cannot be created: it clashes with another reference") from error
    moved(hub, repository, ref, before, sha, by)


def moved(hub: Hub, repository: Repository, ref: str, before: str | None, after: str | None, by: Account) -> None:
    """A ref has moved: send `push`, then bring the pull requests of the branch up to date."""
    if before == after:
        return
    repository.pushed_at = hub.now()
    hub.emit("push", lambda: payloads.push(hub, repository, ref, before, after, by))
    if not ref.startswith(HEADS):
        return
    branch = ref.removeprefix(HEADS)
    for pull in [one for one in repository.pulls.values() if one.closed_at is None]:
        if pull.head == branch:
            _head_moved(hub, repository, pull, after, by)
        elif pull.base == branch:
            _base_moved(hub, repository, pull, after, by)


def _head_moved(hub: Hub, repository: Repository, pull: PullRequest, after: str | None, by: Account) -> None:
    if after is None:
        close(hub, repository, pull, by)
        return
    before, pull.head_sha = pull.head_sha, after
    pull.updated_at = hub.now()
    repository.refs.set(f"refs/pull/{pull.number}/head", after)
    moved_from = {"before": before, "after": after}
    hub.emit("pull_request", lambda: {**payloads.pull_request(hub, repository, pull, "synchronize", by), **moved_from})


def _base_moved(hub: Hub, repository: Repository, pull: PullRequest, after: str | None, by: Account) -> None:
    if after is None:
        close(hub, repository, pull, by)
    elif repository.history.contains(after, pull.head_sha):
        merge_commit = _brought_by(repository, after, pull.head_sha)
        mark_merged(hub, repository, pull, by, merge_commit, (merge_commit,))
    else:
        pull.base_sha = after


def _brought_by(repository: Repository, head: str, sha: str) -> str:
    """The commit on the branch's own line (first parents) with which another one arrived."""
    parents = repository.store.commit(head).parents
    while parents and repository.history.contains(parents[0], sha):
        head, parents = parents[0], repository.store.commit(parents[0]).parents
    return head


def close(hub: Hub, repository: Repository, pull: PullRequest, by: Account) -> None:
    """Close it unmerged."""
    pull.commits = commits_of(repository, pull)
    pull.closed_at = pull.updated_at = hub.now()
    hub.emit("pull_request", lambda: payloads.pull_request(hub, repository, pull, "closed", by))


def mark_merged(
    hub: Hub, repository: Repository, pull: PullRequest, by: Account, merge_commit: str, landed: tuple[str, ...]
) -> None:
    """Record that it is merged, and say so. The base branch is moved by the caller."""
    pull.commits = commits_of(repository, pull)
    pull.closed_at = pull.merged_at = pull.updated_at = hub.now()
    pull.merged_by, pull.merge_commit, pull.landed = by, merge_commit, landed
    record_merge(repository, pull)
    hub.emit("pull_request", lambda: payloads.pull_request(hub, repository, pull, "closed", by))

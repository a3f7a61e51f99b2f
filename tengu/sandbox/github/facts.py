"""Facts about a pull request that follow from git."""

from __future__ import annotations

from tengu.sandbox.github import trees
from tengu.sandbox.github.hub import Hub
from tengu.sandbox.github.model import Account, PullRequest, Repository


def commits_of(repository: Repository, pull: PullRequest) -> tuple[str, ...]:
    """A pull request's own commits, oldest first."""
    if pull.closed_at is not None:
        return pull.commits
    return tuple(commit.sha for commit in repository.history.between(pull.base_sha, pull.head_sha))


def pull_trees(repository: Repository, one: PullRequest) -> tuple[str, str]:
    """The two trees whose difference a pull request shows."""
    base = repository.history.merge_base(one.base_sha, one.head_sha)
    return repository.store.commit(base).tree if base else trees.EMPTY_TREE, repository.store.commit(one.head_sha).tree


def merged_tree(repository: Repository, pull: PullRequest) -> str:
    """Its tree merged into the base's. Raises `MergeConflict`."""
    store = repository.store
    base = repository.history.merge_base(pull.base_sha, pull.head_sha)
    base_tree = store.commit(base).tree if base else trees.EMPTY_TREE
    return trees.merge(store, base_tree, store.commit(pull.base_sha).tree, store.commit(pull.head_sha).tree)


def merge_commit(hub: Hub, repository: Repository, pull: PullRequest, message: str, by: Account) -> str:
    """The commit that merges it, on no branch yet. Raises `MergeConflict`."""
    parents = (pull.base_sha, pull.head_sha)
    tree = merged_tree(repository, pull)
    return repository.store.write_commit(tree, parents, hub.signature(by), hub.web_signature(), message)


def test_merge(hub: Hub, repository: Repository, pull: PullRequest) -> str | None:
    """The commit GitHub makes to try an open pull request's merge (refs/pull/N/merge); None for a conflict."""
    key = (pull.base_sha, pull.head_sha)
    if key not in repository.test_merges:
        try:
            sha = merge_commit(hub, repository, pull, f"Merge {pull.head_sha} into {pull.base_sha}", pull.author)
            repository.refs.set(f"refs/pull/{pull.number}/merge", sha)
        except trees.MergeConflict:
            sha = None
        repository.test_merges[key] = sha
    return repository.test_merges[key]

"""Merging a pull request the three ways GitHub offers."""

from __future__ import annotations

from dataclasses import replace

from tengu.sandbox.github import branches, trees
from tengu.sandbox.github.errors import GitHubError
from tengu.sandbox.github.facts import merge_commit, merged_tree
from tengu.sandbox.github.hub import Hub
from tengu.sandbox.github.model import Account, Method, PullRequest, Repository
from tengu.sandbox.github.objects import CommitObject

REFUSED = {
    "merge": "Merge commits are not allowed on this repository.",
    "squash": "Squash merges are not allowed on this repository.",
    "rebase": "Rebase merges are not allowed on this repository.",
}


def merge(
    hub: Hub,
    repository: Repository,
    pull: PullRequest,
    by: Account,
    method: Method = "merge",
    *,
    expected_head: str | None = None,
    title: str | None = None,
    message: str | None = None,
) -> str:
    """Merge it; answers with `merge_commit_sha`. Raises `GitHubError` 405, 409 as GitHub does."""
    _refuse(repository, pull, method, expected_head)
    try:
        landed = _land(hub, repository, pull, by, method, title, message)
    except trees.MergeConflict as error:
        raise GitHubError(405, "Pull Request is not mergeable") from error
    branches.mark_merged(hub, repository, pull, by, landed[-1], landed)
    branches.move(hub, repository, branches.HEADS + pull.base, landed[-1], by)
    if repository.delete_branch_on_merge and pull.head != repository.default_branch:
        branches.move(hub, repository, branches.HEADS + pull.head, None, by)
    return landed[-1]


def _refuse(repository: Repository, pull: PullRequest, method: Method, expected_head: str | None) -> None:
    if pull.closed_at is not None or pull.draft:
        raise GitHubError(405, "Pull Request is not mergeable")
    if method not in repository.methods:
        raise GitHubError(405, REFUSED[method])
    if expected_head is not None and expected_head != pull.head_sha:
        raise GitHubError(409, "Head branch was modified. Review and try the merge again.")
    for context in repository.protected.get(pull.base, ()):
        states = [one.state for one in repository.statuses.get(pull.head_sha, ()) if one.context == context]
        if not states or states[-1] != "success":
            raise GitHubError(405, f'Required status check "{context}" is {"expected" if not states else "failing"}.')


def _land(
    hub: Hub,
    repository: Repository,
    pull: PullRequest,
    by: Account,
    method: Method,
    title: str | None,
    message: str | None,
) -> tuple[str, ...]:
    if method == "rebase":
        return _rebase(hub, repository, pull, by)
    commits = repository.history.between(pull.base_sha, pull.head_sha)
    if method == "squash":
        return (_squash(hub, repository, pull, commits, title, message),)
    origin = f"{repository.owner.login}/{pull.head}"
    head = title or f"Merge pull request #{pull.number} from {origin}"
    return (merge_commit(hub, repository, pull, f"{head}\n\n{message or pull.title}", by),)


def _squash(
    hub: Hub,
    repository: Repository,
    pull: PullRequest,
    commits: tuple[CommitObject, ...],
    title: str | None,
    message: str | None,
) -> str:
    own = [commit for commit in commits if len(commit.parents) < 2]
    if title is None:
        title = f"{own[0].title if len(own) == 1 else pull.title} (#{pull.number})"
    if message is None:
        message = "\n\n".join(f"* {commit.message}" for commit in own) if len(own) > 1 else ""
    tree = merged_tree(repository, pull)
    text = f"{title}\n\n{message}".strip()
    author = hub.signature(pull.author)
    return repository.store.write_commit(tree, (pull.base_sha,), author, hub.web_signature(), text)


def _rebase(hub: Hub, repository: Repository, pull: PullRequest, by: Account) -> tuple[str, ...]:
    store, onto, landed = repository.store, pull.base_sha, []
    for commit in repository.history.between(pull.base_sha, pull.head_sha):
        if len(commit.parents) > 1:
            continue
        was = store.commit(commit.parents[0]).tree if commit.parents else trees.EMPTY_TREE
        tree = trees.merge(store, was, store.commit(onto).tree, commit.tree)
        committer = replace(hub.signature(by), at=hub.now())
        onto = store.write_commit(tree, (onto,), commit.author, committer, commit.message)
        landed.append(onto)
    if not landed:
        raise GitHubError(405, "This branch can't be rebased")
    return tuple(landed)

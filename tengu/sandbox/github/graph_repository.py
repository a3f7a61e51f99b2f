"""GraphQL: repositories, refs, comparisons, commits and files."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphql import GraphQLResolveInfo as Info

from tengu.sandbox.github.associations import associated
from tengu.sandbox.github.branches import HEADS
from tengu.sandbox.github.graph_nodes import (
    CommitNode,
    ComparisonNode,
    EntryNode,
    GraphFault,
    PullNode,
    RefNode,
    Resolver,
    commit_node,
    connection,
    context,
    pull_state,
    ref_node,
    web_url,
)
from tengu.sandbox.github.model import Repository
from tengu.sandbox.github.objects import Signature
from tengu.sandbox.github.render import iso, node_id
from tengu.sandbox.github.rest_commits import comparison_status, resolve
from tengu.sandbox.github.trees import find


def _object(
    source: Repository, _info: Info, oid: str | None = None, expression: str | None = None
) -> CommitNode | EntryNode | None:
    if oid is not None:
        return commit_node(source, oid) if source.store.has_commit(oid) else None
    name, colon, path = (expression or "").partition(":")
    sha = resolve(source, name)
    if sha is None:
        return None
    if not colon:
        return commit_node(source, sha)
    entry = find(source.store, source.store.commit(sha).tree, path)
    return EntryNode(source, entry) if entry else None


def _ref(source: Repository, _info: Info, qualifiedName: str) -> RefNode | None:  # noqa: N803
    return ref_node(source, qualifiedName)


def _refs(source: Repository, _info: Info, refPrefix: str, **page: Any) -> dict[str, Any]:  # noqa: N803
    found = [RefNode(source, name, sha) for name, sha in source.refs.all(refPrefix).items()]
    return connection(found, "refs", **page)


def _pull_request(source: Repository, _info: Info, number: int) -> PullNode:
    if number not in source.pulls:
        raise GraphFault("NOT_FOUND", f"Could not resolve to a PullRequest with the number of {number}.")
    return PullNode(source, source.pulls[number])


def _pull_requests(
    source: Repository,
    _info: Info,
    states: list[str] | None = None,
    baseRefName: str | None = None,  # noqa: N803
    headRefName: str | None = None,  # noqa: N803
    orderBy: dict[str, str] | None = None,  # noqa: N803
    **page: Any,
) -> dict[str, Any]:
    found = [
        pull
        for pull in source.pulls.values()
        if (not states or pull_state(pull) in states)
        and baseRefName in (None, pull.base)
        and headRefName in (None, pull.head)
    ]
    order = orderBy or {"field": "CREATED_AT", "direction": "ASC"}
    by_update = order["field"] == "UPDATED_AT"
    found.sort(key=lambda pull: (pull.updated_at if by_update else pull.created_at, pull.number))
    if order["direction"] == "DESC":
        found.reverse()
    return connection(found, "pullRequests", lambda pull: PullNode(source, pull), **page)


def _compare(source: RefNode, _info: Info, headRef: str) -> ComparisonNode | None:  # noqa: N803
    head = resolve(source.repository, headRef)
    return ComparisonNode(source.repository, source.sha, head) if head else None


def _ahead(source: ComparisonNode) -> int:
    return len(source.repository.history.between(source.base, source.head))


def _behind(source: ComparisonNode) -> int:
    return len(source.repository.history.between(source.head, source.base))


def _compared(source: ComparisonNode, _info: Info, **page: Any) -> dict[str, Any]:
    found = source.repository.history.between(source.base, source.head)
    answer = connection(found, "commits", lambda one: CommitNode(source.repository, one), **page)
    return {**answer, "authorCount": len({one.author.email for one in found})}


def _associated(source: CommitNode, info: Info, **page: Any) -> dict[str, Any]:
    found = associated(context(info).hub, source.repository, source.commit.sha)
    return connection(found, "associatedPullRequests", lambda pull: PullNode(source.repository, pull), **page)


def _history(source: CommitNode, _info: Info, **page: Any) -> dict[str, Any]:
    found = source.repository.history.log(source.commit.sha)
    return connection(found, "history", lambda one: CommitNode(source.repository, one), **page)


def _parents(source: CommitNode, _info: Info, **page: Any) -> dict[str, Any]:
    return connection(source.commit.parents, "parents", lambda sha: commit_node(source.repository, sha), **page)


def _git_actor(signature: Signature, info: Info) -> dict[str, Any]:
    account = context(info).hub.account_of(signature.email)
    return {
        "name": signature.name,
        "email": signature.email,
        "date": iso(signature.at),
        "user": account if account and account.kind == "User" else None,
    }


def _git_object(sha: Callable[[Any], str]) -> dict[str, Resolver]:
    return {
        "oid": lambda source, _: sha(source),
        "abbreviatedOid": lambda source, _: sha(source)[:7],
        "id": lambda source, _: node_id("Commit", f"{source.repository.id}:{sha(source)}"),
        "repository": lambda source, _: source.repository,
        "commitResourcePath": lambda source, _: f"/{source.repository.full_name}/commit/{sha(source)}",
        "commitUrl": lambda source, info: web_url(info, source.repository, "commit", sha(source)),
    }


REPOSITORY: dict[str, Resolver] = {
    "id": lambda source, _: node_id("Repository", source.id),
    "databaseId": lambda source, _: source.id,
    "name": lambda source, _: source.name,
    "nameWithOwner": lambda source, _: source.full_name,
    "owner": lambda source, _: source.owner,
    "url": lambda source, info: web_url(info, source),
    "isPrivate": lambda source, _: source.private,
    "mergeCommitAllowed": lambda source, _: "merge" in source.methods,
    "squashMergeAllowed": lambda source, _: "squash" in source.methods,
    "rebaseMergeAllowed": lambda source, _: "rebase" in source.methods,
    "deleteBranchOnMerge": lambda source, _: source.delete_branch_on_merge,
    "viewerPermission": lambda source, info: source.role(context(info).actor).upper(),
    "defaultBranchRef": lambda source, _: ref_node(source, HEADS + source.default_branch),
    "object": _object,
    "ref": _ref,
    "refs": _refs,
    "pullRequest": _pull_request,
    "pullRequests": _pull_requests,
}

REF: dict[str, Resolver] = {
    "id": lambda source, _: node_id("Ref", f"{source.repository.id}:{source.name}"),
    "name": lambda source, _: source.name.split("/", 2)[2],
    "prefix": lambda source, _: "/".join(source.name.split("/", 2)[:2]) + "/",
    "target": lambda source, _: commit_node(source.repository, source.sha),
    "repository": lambda source, _: source.repository,
    "compare": _compare,
    "associatedPullRequests": lambda source, info, **rest: _pull_requests(
        source.repository, info, **{**rest, "headRefName": source.name.removeprefix(HEADS)}
    ),
}

COMPARISON: dict[str, Resolver] = {
    "id": lambda source, _: node_id("Comparison", f"{source.base}...{source.head}"),
    "aheadBy": lambda source, _: _ahead(source),
    "behindBy": lambda source, _: _behind(source),
    "status": lambda source, _: comparison_status(_ahead(source), _behind(source)).upper(),
    "baseTarget": lambda source, _: commit_node(source.repository, source.base),
    "headTarget": lambda source, _: commit_node(source.repository, source.head),
    "commits": _compared,
}

COMMIT: dict[str, Resolver] = {
    **_git_object(lambda source: source.commit.sha),
    "message": lambda source, _: source.commit.message,
    "messageHeadline": lambda source, _: source.commit.title,
    "messageBody": lambda source, _: source.commit.message.partition("\n")[2].strip(),
    "authoredDate": lambda source, _: iso(source.commit.author.at),
    "committedDate": lambda source, _: iso(source.commit.committer.at),
    "author": lambda source, info: _git_actor(source.commit.author, info),
    "committer": lambda source, info: _git_actor(source.commit.committer, info),
    "url": lambda source, info: web_url(info, source.repository, "commit", source.commit.sha),
    "parents": _parents,
    "history": _history,
    "associatedPullRequests": _associated,
}

TREE: dict[str, Resolver] = _git_object(lambda source: source.entry.sha)

BLOB: dict[str, Resolver] = {
    **_git_object(lambda source: source.entry.sha),
    "byteSize": lambda source, _: len(source.repository.store.read(source.entry.sha, "blob")),
    "isBinary": lambda source, _: b"\0" in source.repository.store.read(source.entry.sha, "blob"),
    "text": lambda source, _: source.repository.store.read(source.entry.sha, "blob").decode("utf-8", "replace"),
}

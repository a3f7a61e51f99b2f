"""How each field of the GraphQL schema is answered: `FIELDS[type][field](source, info, **arguments)`."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable
from datetime import datetime
from typing import Any

from graphql import GraphQLResolveInfo as Info

from tengu.sandbox.github import facts
from tengu.sandbox.github.associations import associated
from tengu.sandbox.github.branches import HEADS
from tengu.sandbox.github.call import Call
from tengu.sandbox.github.graph_nodes import (
    CommentNode,
    CommitNode,
    ComparisonNode,
    EntryNode,
    GraphFault,
    PullNode,
    RefNode,
    commit_node,
    connection,
    see,
)
from tengu.sandbox.github.model import Account, Comment, Edit, PullRequest, Repository
from tengu.sandbox.github.objects import Signature
from tengu.sandbox.github.render import iso, node_id
from tengu.sandbox.github.rest_commits import comparison_status, resolve
from tengu.sandbox.github.trees import find

Resolver = Callable[..., Any]


def _call(info: Info) -> Call:
    return info.context  # type: ignore[no-any-return]  # execute() is given the call as its context


def _web(info: Info, repository: Repository, *parts: object) -> str:
    return "/".join(map(str, (_call(info).render.repo_web(repository), *parts)))


def _time(at: datetime | None) -> str | None:
    return iso(at) if at else None


# --- roots ------------------------------------------------------------------------------------------------


def _repository(_: Any, info: Info, owner: str, name: str, **_rest: Any) -> Repository:
    return see(_call(info), owner, name)


def _user(_: Any, info: Info, login: str) -> Account:
    account = _call(info).hub.accounts.get(login.lower())
    if account is None or account.kind != "User":
        raise GraphFault("NOT_FOUND", f"Could not resolve to a User with the login of '{login}'.")
    return account


def _node(_: Any, info: Info, id: str) -> Any:  # noqa: A002  # the schema's name for it
    kind, _colon, number = b64decode(id).decode("utf-8", "replace").partition(":")
    for repository in _call(info).hub.repositories.values():
        if kind == "Repository" and str(repository.id) == number:
            return see(_call(info), repository.owner.login, repository.name)
        if kind == "Commit" and number.startswith(f"{repository.id}:"):
            return commit_node(repository, number.partition(":")[2])
        for pull in repository.pulls.values():
            if kind == "PullRequest" and str(pull.id) == number:
                return PullNode(repository, pull)
            for comment in pull.comments:
                if kind == "IssueComment" and str(comment.id) == number:
                    return CommentNode(repository, comment)
    raise GraphFault("NOT_FOUND", f"Could not resolve to a node with the global id of '{id}'")


def _rate(_: Any, info: Info, **_rest: Any) -> dict[str, Any]:
    call = _call(info)
    used = call.token.used if call.token else 0
    left = call.hub.rate_limit - used
    reset = iso(call.hub.now())
    return {
        "cost": 1,
        "limit": call.hub.rate_limit,
        "nodeCount": 0,
        "remaining": left,
        "used": used,
        "resetAt": reset,
    }


# --- repositories, refs, comparisons -----------------------------------------------------------------------


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
    for prefix in ("", HEADS, "refs/tags/"):
        name = prefix + qualifiedName
        if name.startswith("refs/") and (sha := source.refs.get(name)):
            return RefNode(source, name, sha)
    return None


def _refs(source: Repository, _info: Info, refPrefix: str, **page: Any) -> dict[str, Any]:  # noqa: N803
    found = [RefNode(source, name, sha) for name, sha in source.refs.all(refPrefix).items()]
    return connection(found, "refs", **page)


def _pull_request(source: Repository, _info: Info, number: int) -> PullNode:
    if number not in source.pulls:
        raise GraphFault("NOT_FOUND", f"Could not resolve to a PullRequest with the number of {number}.")
    return PullNode(source, source.pulls[number])


def _state(pull: PullRequest) -> str:
    return "MERGED" if pull.merged_at else pull.state.upper()


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
        if (not states or _state(pull) in states)
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


# --- commits -----------------------------------------------------------------------------------------------


def _associated(source: CommitNode, info: Info, **page: Any) -> dict[str, Any]:
    found = associated(_call(info).hub, source.repository, source.commit.sha)
    return connection(found, "associatedPullRequests", lambda pull: PullNode(source.repository, pull), **page)


def _history(source: CommitNode, _info: Info, **page: Any) -> dict[str, Any]:
    found = source.repository.history.log(source.commit.sha)
    return connection(found, "history", lambda one: CommitNode(source.repository, one), **page)


def _parents(source: CommitNode, _info: Info, **page: Any) -> dict[str, Any]:
    return connection(source.commit.parents, "parents", lambda sha: commit_node(source.repository, sha), **page)


def _git_actor(signature: Signature, info: Info) -> dict[str, Any]:
    account = _call(info).hub.account_of(signature.email)
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
        "commitUrl": lambda source, info: _web(info, source.repository, "commit", sha(source)),
    }


# --- pull requests, comments ---------------------------------------------------------------------------------


def _totals(source: PullNode) -> tuple[int, int, int]:
    return source.repository.diffs.totals(*facts.pull_trees(source.repository, source.pull))


def _pull_commits(source: PullNode, _info: Info, **page: Any) -> dict[str, Any]:
    shas = facts.commits_of(source.repository, source.pull)

    def node(sha: str) -> dict[str, Any]:
        return {"id": node_id("PullRequestCommit", sha), "commit": commit_node(source.repository, sha), "url": ""}

    return connection(shas, "commits", node, **page)


def _pull_files(source: PullNode, _info: Info, **page: Any) -> dict[str, Any]:
    kinds = {"added": "ADDED", "removed": "DELETED", "modified": "MODIFIED"}
    files = source.repository.diffs.between(*facts.pull_trees(source.repository, source.pull))
    nodes = [
        {"path": one.path, "additions": one.additions, "deletions": one.deletions, "changeType": kinds[one.status]}
        for one in files
    ]
    return connection(nodes, "files", **page)


def _labels(source: PullNode, _info: Info, **page: Any) -> dict[str, Any]:
    nodes = [
        {"id": node_id("Label", name), "name": name, "color": "ededed", "description": None}
        for name in source.pull.labels
    ]
    return connection(nodes, "labels", **page)


def _mergeable(source: PullNode, info: Info) -> str:
    if source.pull.closed_at is not None:
        return "UNKNOWN"
    tried = facts.test_merge(_call(info).hub, source.repository, source.pull)
    return "MERGEABLE" if tried else "CONFLICTING"


def _edit(edit: Edit) -> dict[str, Any]:
    """One version; `diff` is the whole text as it was after that edit."""
    at = iso(edit.at)
    dates = {"createdAt": at, "updatedAt": at, "editedAt": at, "deletedAt": None, "deletedBy": None}
    return {"id": node_id("UserContentEdit", edit.id), "editor": edit.by, "diff": edit.text, **dates}


def _content(text: Callable[[Any], PullRequest | Comment]) -> dict[str, Resolver]:
    """Fields of everything that people write and edit."""
    return {
        "body": lambda source, _: text(source).body,
        "author": lambda source, _: text(source).author,
        "createdAt": lambda source, _: iso(text(source).created_at),
        "updatedAt": lambda source, _: iso(text(source).updated_at),
        "databaseId": lambda source, _: text(source).id,
        "fullDatabaseId": lambda source, _: str(text(source).id),
        "editor": lambda source, _: text(source).edits[-1].by if text(source).edits else None,
        "lastEditedAt": lambda source, _: iso(text(source).edits[-1].at) if text(source).edits else None,
        "userContentEdits": lambda source, _, **page: connection(
            text(source).edits[::-1], "userContentEdits", _edit, **page
        ),
    }


def _account(_kind: str) -> dict[str, Resolver]:
    return {
        "login": lambda source, _: source.login.removesuffix("[bot]"),
        "name": lambda source, _: source.name,
        "email": lambda source, _: source.email or "",
        "databaseId": lambda source, _: source.id,
        "id": lambda source, _: node_id(source.kind, source.id),
        "resourcePath": lambda source, _: f"/{source.login}",
        "url": lambda source, info: f"{_call(info).hub.url}/{source.login}",
        "avatarUrl": lambda source, info, **_size: f"{_call(info).hub.url}/avatars/{source.id}",
    }


FIELDS: dict[str, dict[str, Resolver]] = {
    "Query": {
        "repository": _repository,
        "user": _user,
        "node": _node,
        "rateLimit": _rate,
        "viewer": lambda _, info: _call(info).actor,
        "id": lambda _, _info: node_id("Query", 0),
    },
    "User": _account("User"),
    "Bot": _account("Bot"),
    "Organization": _account("Organization"),
    "Repository": {
        "id": lambda source, _: node_id("Repository", source.id),
        "databaseId": lambda source, _: source.id,
        "name": lambda source, _: source.name,
        "nameWithOwner": lambda source, _: source.full_name,
        "owner": lambda source, _: source.owner,
        "url": lambda source, info: _web(info, source),
        "isPrivate": lambda source, _: source.private,
        "mergeCommitAllowed": lambda source, _: "merge" in source.methods,
        "squashMergeAllowed": lambda source, _: "squash" in source.methods,
        "rebaseMergeAllowed": lambda source, _: "rebase" in source.methods,
        "deleteBranchOnMerge": lambda source, _: source.delete_branch_on_merge,
        "viewerPermission": lambda source, info: source.role(_call(info).actor).upper(),
        "defaultBranchRef": lambda source, info: _ref(source, info, HEADS + source.default_branch),
        "object": _object,
        "ref": _ref,
        "refs": _refs,
        "pullRequest": _pull_request,
        "pullRequests": _pull_requests,
    },
    "Ref": {
        "id": lambda source, _: node_id("Ref", f"{source.repository.id}:{source.name}"),
        "name": lambda source, _: source.name.split("/", 2)[2],
        "prefix": lambda source, _: "/".join(source.name.split("/", 2)[:2]) + "/",
        "target": lambda source, _: commit_node(source.repository, source.sha),
        "repository": lambda source, _: source.repository,
        "compare": _compare,
        "associatedPullRequests": lambda source, info, **rest: _pull_requests(
            source.repository, info, **{**rest, "headRefName": source.name.removeprefix(HEADS)}
        ),
    },
    "Comparison": {
        "id": lambda source, _: node_id("Comparison", f"{source.base}...{source.head}"),
        "aheadBy": lambda source, _: _ahead(source),
        "behindBy": lambda source, _: _behind(source),
        "status": lambda source, _: comparison_status(_ahead(source), _behind(source)).upper(),
        "baseTarget": lambda source, _: commit_node(source.repository, source.base),
        "headTarget": lambda source, _: commit_node(source.repository, source.head),
        "commits": _compared,
    },
    "Commit": {
        **_git_object(lambda source: source.commit.sha),
        "message": lambda source, _: source.commit.message,
        "messageHeadline": lambda source, _: source.commit.title,
        "messageBody": lambda source, _: source.commit.message.partition("\n")[2].strip(),
        "authoredDate": lambda source, _: iso(source.commit.author.at),
        "committedDate": lambda source, _: iso(source.commit.committer.at),
        "author": lambda source, info: _git_actor(source.commit.author, info),
        "committer": lambda source, info: _git_actor(source.commit.committer, info),
        "url": lambda source, info: _web(info, source.repository, "commit", source.commit.sha),
        "parents": _parents,
        "history": _history,
        "associatedPullRequests": _associated,
    },
    "Tree": _git_object(lambda source: source.entry.sha),
    "Blob": {
        **_git_object(lambda source: source.entry.sha),
        "byteSize": lambda source, _: len(source.repository.store.read(source.entry.sha, "blob")),
        "isBinary": lambda source, _: b"\0" in source.repository.store.read(source.entry.sha, "blob"),
        "text": lambda source, _: source.repository.store.read(source.entry.sha, "blob").decode("utf-8", "replace"),
    },
    "PullRequest": {
        **_content(lambda source: source.pull),
        "id": lambda source, _: node_id("PullRequest", source.pull.id),
        "number": lambda source, _: source.pull.number,
        "title": lambda source, _: source.pull.title,
        "url": lambda source, info: _web(info, source.repository, "pull", source.pull.number),
        "state": lambda source, _: _state(source.pull),
        "closed": lambda source, _: source.pull.closed_at is not None,
        "closedAt": lambda source, _: _time(source.pull.closed_at),
        "merged": lambda source, _: source.pull.merged_at is not None,
        "mergedAt": lambda source, _: _time(source.pull.merged_at),
        "mergedBy": lambda source, _: source.pull.merged_by,
        "mergeCommit": lambda source, _: commit_node(source.repository, source.pull.merge_commit),
        "mergeable": _mergeable,
        "potentialMergeCommit": lambda source, _: commit_node(
            source.repository, source.repository.test_merges.get((source.pull.base_sha, source.pull.head_sha))
        ),
        "isDraft": lambda source, _: source.pull.draft,
        "isCrossRepository": lambda _source, _: False,
        "repository": lambda source, _: source.repository,
        "baseRefName": lambda source, _: source.pull.base,
        "baseRefOid": lambda source, _: source.pull.base_sha,
        "baseRef": lambda source, info: _ref(source.repository, info, HEADS + source.pull.base),
        "headRefName": lambda source, _: source.pull.head,
        "headRefOid": lambda source, _: source.pull.head_sha,
        "headRef": lambda source, info: _ref(source.repository, info, HEADS + source.pull.head),
        "additions": lambda source, _: _totals(source)[0],
        "deletions": lambda source, _: _totals(source)[1],
        "changedFiles": lambda source, _: _totals(source)[2],
        "assignees": lambda source, _, **page: connection(source.pull.assignees, "assignees", **page),
        "labels": _labels,
        "commits": _pull_commits,
        "files": _pull_files,
        "comments": lambda source, _, **page: connection(
            source.pull.comments, "comments", lambda one: CommentNode(source.repository, one), **page
        ),
    },
    "IssueComment": {
        **_content(lambda source: source.comment),
        "id": lambda source, _: node_id("IssueComment", source.comment.id),
        "url": lambda source, info: _web(
            info, source.repository, f"pull/{source.comment.pull_request}#issuecomment-{source.comment.id}"
        ),
    },
}

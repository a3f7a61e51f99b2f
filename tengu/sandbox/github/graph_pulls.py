"""GraphQL: pull requests, comments, their edits, and accounts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from graphql import GraphQLResolveInfo as Info

from tengu.sandbox.github import facts
from tengu.sandbox.github.branches import HEADS
from tengu.sandbox.github.graph_nodes import (
    CommentNode,
    PullNode,
    Resolver,
    commit_node,
    connection,
    context,
    pull_state,
    ref_node,
    web_url,
)
from tengu.sandbox.github.model import Comment, Edit, PullRequest
from tengu.sandbox.github.render import iso, node_id


def _time(at: datetime | None) -> str | None:
    return iso(at) if at else None


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
    tried = facts.test_merge(context(info).hub, source.repository, source.pull)
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


def _account() -> dict[str, Resolver]:
    return {
        "login": lambda source, _: source.login.removesuffix("[bot]"),
        "name": lambda source, _: source.name,
        "email": lambda source, _: source.email or "",
        "databaseId": lambda source, _: source.id,
        "id": lambda source, _: node_id(source.kind, source.id),
        "resourcePath": lambda source, _: f"/{source.login}",
        "url": lambda source, info: f"{context(info).hub.url}/{source.login}",
        "avatarUrl": lambda source, info, **_size: f"{context(info).hub.url}/avatars/{source.id}",
    }


ACCOUNT: dict[str, Resolver] = _account()

PULL_REQUEST: dict[str, Resolver] = {
    **_content(lambda source: source.pull),
    "id": lambda source, _: node_id("PullRequest", source.pull.id),
    "number": lambda source, _: source.pull.number,
    "title": lambda source, _: source.pull.title,
    "url": lambda source, info: web_url(info, source.repository, "pull", source.pull.number),
    "state": lambda source, _: pull_state(source.pull),
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
    "baseRef": lambda source, _: ref_node(source.repository, HEADS + source.pull.base),
    "headRefName": lambda source, _: source.pull.head,
    "headRefOid": lambda source, _: source.pull.head_sha,
    "headRef": lambda source, _: ref_node(source.repository, HEADS + source.pull.head),
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
}

ISSUE_COMMENT: dict[str, Resolver] = {
    **_content(lambda source: source.comment),
    "id": lambda source, _: node_id("IssueComment", source.comment.id),
    "url": lambda source, info: web_url(
        info, source.repository, f"pull/{source.comment.pull_request}#issuecomment-{source.comment.id}"
    ),
}

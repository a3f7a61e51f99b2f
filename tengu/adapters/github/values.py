"""GitHub's JSON as Tengu's values."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from tengu.domain.changeset import Commit, MergedPullRequest
from tengu.domain.people import GitHubUser
from tengu.ports.code_host import PullRequest

Json = Mapping[str, Any]
#: A commit's message beyond this is of no use for finding what it reverts.
_BODY_LIMIT = 4000


def user(data: Json | None) -> GitHubUser | None:
    """An account of REST (`type`) or GraphQL (`__typename`); None for a deleted one.

    GraphQL leaves out the `[bot]` that REST writes: `dependabot` would be somebody else.
    """
    if not data or not data.get("login"):
        return None
    login, kind = str(data["login"]), data.get("type") or data.get("__typename")
    if kind == "Bot" and not login.endswith("[bot]"):
        login += "[bot]"
    # A mannequin stands for somebody of an imported repository: nobody who could be mentioned.
    return GitHubUser(login, is_bot=kind in ("Bot", "Mannequin") or login.endswith("[bot]"))


def time(value: str) -> datetime:
    """ISO 8601 as GitHub writes it, aware."""
    return datetime.fromisoformat(value)


def text(value: str | None) -> str:
    """A body: never None, line ends as Tengu keeps them."""
    return (value or "").replace("\r\n", "\n")


def commit(data: Json) -> Commit:
    """A commit of REST."""
    details = data["commit"]
    title, _, body = text(details["message"]).partition("\n")
    return Commit(
        sha=data["sha"],
        title=title.strip(),
        author=user(data.get("author")),
        author_name=(details.get("author") or {}).get("name") or "",
        committed_at=time(details["committer"]["date"]),
        parents=tuple(parent["sha"] for parent in data["parents"]),
        body=body.strip()[:_BODY_LIMIT],
    )


def merged_pull_request(data: Json) -> MergedPullRequest | None:
    """A merged pull request of REST's single pull request; None if it isn't merged."""
    if not data.get("merged_at") or not data.get("merge_commit_sha"):
        return None
    return MergedPullRequest(
        number=data["number"],
        title=data["title"],
        url=data["html_url"],
        author=user(data.get("user")),
        merged_by=user(data.get("merged_by")),
        assignees=_users(data.get("assignees") or ()),
        labels=tuple(label["name"] for label in data.get("labels") or ()),
        base=data["base"]["ref"],
        merge_commit=data["merge_commit_sha"],
        merged_at=time(data["merged_at"]),
    )


def merged_pull_request_of_graphql(data: Json) -> MergedPullRequest | None:
    """The same of GraphQL."""
    if not data.get("mergedAt") or not data.get("mergeCommit"):
        return None
    return MergedPullRequest(
        number=data["number"],
        title=data["title"],
        url=data["url"],
        author=user(data.get("author")),
        merged_by=user(data.get("mergedBy")),
        assignees=_users({**each, "__typename": "User"} for each in data["assignees"]["nodes"] or ()),
        labels=tuple(label["name"] for label in (data.get("labels") or {}).get("nodes") or ()),
        base=data["baseRefName"],
        merge_commit=data["mergeCommit"]["oid"],
        merged_at=time(data["mergedAt"]),
    )


def pull_request(data: Json) -> PullRequest:
    """A pull request of REST, single or from a list."""
    merged_at = data.get("merged_at")
    state: Literal["open", "merged", "closed"] = "merged" if merged_at else data["state"]
    return PullRequest(
        number=data["number"],
        title=data["title"],
        body=text(data.get("body")),
        url=data["html_url"],
        state=state,
        head=data["head"]["ref"],
        head_sha=data["head"]["sha"],
        base=data["base"]["ref"],
        author=user(data.get("user")),
        # Of an open one this is GitHub's trial merge.
        merge_commit=data.get("merge_commit_sha") if merged_at else None,
        merged_at=time(merged_at) if merged_at else None,
        merged_by=user(data.get("merged_by")),
    )


def _users(data: Any) -> tuple[GitHubUser, ...]:
    return tuple(found for found in map(user, data) if found is not None)

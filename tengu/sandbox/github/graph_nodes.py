"""What GraphQL resolvers pass around: things together with their repository, and pages of them."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from graphql import GraphQLResolveInfo as Info

from tengu.sandbox.github.branches import HEADS
from tengu.sandbox.github.call import Call
from tengu.sandbox.github.errors import GitHubError
from tengu.sandbox.github.model import Account, Comment, PullRequest, Repository
from tengu.sandbox.github.objects import CommitObject, Entry

LARGEST = 100
Resolver = Callable[..., Any]


class GraphFault(Exception):
    """An error in GitHub's shape.

    Args:
        kind: GitHub's `type` (`NOT_FOUND`, `FORBIDDEN`).
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True)
class CommitNode:
    """A commit in a repository."""

    repository: Repository
    commit: CommitObject


@dataclass(frozen=True)
class EntryNode:
    """A file or folder in a repository."""

    repository: Repository
    entry: Entry


@dataclass(frozen=True)
class PullNode:
    """A pull request in a repository."""

    repository: Repository
    pull: PullRequest


@dataclass(frozen=True)
class CommentNode:
    """A comment in a repository."""

    repository: Repository
    comment: Comment


@dataclass(frozen=True)
class RefNode:
    """A branch or tag. `name` is the full one."""

    repository: Repository
    name: str
    sha: str


@dataclass(frozen=True)
class ComparisonNode:
    """Two commits compared."""

    repository: Repository
    base: str
    head: str


TYPE_NAMES = {
    CommitNode: "Commit",
    PullNode: "PullRequest",
    CommentNode: "IssueComment",
    RefNode: "Ref",
    ComparisonNode: "Comparison",
    Repository: "Repository",
}


def type_name(value: Any, *_: Any) -> str:
    """Which GraphQL type a value is, where the schema offers several."""
    if isinstance(value, Account):
        return value.kind
    if isinstance(value, EntryNode):
        return "Tree" if value.entry.is_folder else "Blob"
    return TYPE_NAMES[type(value)]


def context(info: Info) -> Call:
    """The call that is being answered."""
    return info.context  # type: ignore[no-any-return]  # execute() is given the call as its context


def web_url(info: Info, repository: Repository, *parts: object) -> str:
    """Address of a page of a repository."""
    return "/".join(map(str, (context(info).render.repo_web(repository), *parts)))


def pull_state(pull: PullRequest) -> str:
    """`OPEN`, `CLOSED` or `MERGED`."""
    return "MERGED" if pull.merged_at else pull.state.upper()


def ref_node(repository: Repository, name: str) -> RefNode | None:
    """The branch or tag of that name, full or short."""
    for prefix in ("", HEADS, "refs/tags/"):
        full = prefix + name
        if full.startswith("refs/") and (sha := repository.refs.get(full)):
            return RefNode(repository, full, sha)
    return None


def see(call: Call, owner: str, name: str) -> Repository:
    """The repository, if this token may see it. Raises `GraphFault` NOT_FOUND."""
    try:
        return replace(call, params={"owner": owner, "repo": name}).repository()
    except GitHubError as error:
        message = f"Could not resolve to a Repository with the name '{owner}/{name}'."
        raise GraphFault("NOT_FOUND", message) from error


def commit_node(repository: Repository, sha: str | None) -> CommitNode | None:
    """The commit, None for none."""
    return CommitNode(repository, repository.store.commit(sha)) if sha else None


def connection(
    items: Sequence[Any],
    name: str,
    node: Callable[[Any], Any] = lambda item: item,
    *,
    first: int | None = None,
    last: int | None = None,
    after: str | None = None,
    before: str | None = None,
    **_filters: Any,
) -> dict[str, Any]:
    """One page of a list. Raises `GraphFault` where GitHub insists on `first` or `last` between 1 and 100."""
    _check(name, first, last)
    start = _place(after) + 1 if after else 0
    end = _place(before) if before else len(items)
    if first is not None:
        end = min(end, start + first)
    elif last is not None:
        start = max(start, end - last)
    nodes = [node(item) for item in items[start:end]]
    places = range(start, start + len(nodes))
    return {
        "totalCount": len(items),
        "nodes": nodes,
        "edges": [{"cursor": _cursor(place), "node": one} for place, one in zip(places, nodes, strict=True)],
        "pageInfo": {
            "hasNextPage": end < len(items),
            "hasPreviousPage": start > 0,
            "startCursor": _cursor(start) if nodes else None,
            "endCursor": _cursor(start + len(nodes) - 1) if nodes else None,
        },
    }


def _check(name: str, first: int | None, last: int | None) -> None:
    if first is None and last is None:
        message = f"You must provide a `first` or `last` value to properly paginate the `{name}` connection."
        raise GraphFault("MISSING_PAGINATION_BOUNDARIES", message)
    for which, count in (("first", first), ("last", last)):
        if count is not None and not 0 <= count <= LARGEST:
            message = (
                f"Requesting {count} records on the `{name}` connection exceeds the `{which}` limit of 100 records."
            )
            raise GraphFault("EXCESSIVE_PAGINATION", message)


def _cursor(place: int) -> str:
    return b64encode(f"cursor:{place}".encode()).decode()


def _place(cursor: str) -> int:
    try:
        return int(b64decode(cursor).decode().partition(":")[2])
    except ValueError as error:
        raise GraphFault("INVALID_CURSOR_ARGUMENTS", f"`{cursor}` does not appear to be a valid cursor.") from error

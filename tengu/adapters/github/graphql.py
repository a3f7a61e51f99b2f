"""What only GraphQL answers in few requests: pull requests of many commits, versions of a body.

The queries fit GitHub's published schema, https://docs.github.com/en/graphql/overview/public-schema.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from tengu.adapters.github import values
from tengu.adapters.github.api import GitHubApi, Json
from tengu.adapters.github.failures import GraphQLTimeout
from tengu.domain.changeset import MergedPullRequest
from tengu.errors import ServiceError
from tengu.ports.code_host import BodyEdit

#: Commits asked for in one query.
PAGE = 100
#: Pull requests of one commit in that query; commits with more are asked for alone.
_FEW = 5
_MANY = 100
_SHA = re.compile(r"[0-9a-f]{40}")
_PULL_REQUEST = """
fragment pullRequest on PullRequest {
  number title url baseRefName mergedAt
  author { login __typename }
  mergedBy { login __typename }
  mergeCommit { oid }
  assignees(first: 10) { nodes { login } }
  labels(first: 20) { nodes { name } }
}
"""
_BODY_EDITS = """
query ($owner: String!, $name: String!, $number: Int!) {
  repository(owner: $owner, name: $name) {
    pullRequest(number: $number) {
      first: userContentEdits(first: 4) { nodes { ...edit } }
      last: userContentEdits(last: 4) { nodes { ...edit } }
    }
  }
}
fragment edit on UserContentEdit { id diff editedAt editor { login __typename } }
"""


def merged_pull_requests_of(
    api: GitHubApi, repository: str, commits: Sequence[str]
) -> dict[str, tuple[MergedPullRequest, ...]]:
    """For each commit the merged pull requests that GitHub associates with it, one query for 100 commits.

    A query that takes GitHub too long is split in two, down to single commits.
    """
    found: dict[str, tuple[MergedPullRequest, ...]] = {}
    waiting = [list(commits[start : start + PAGE]) for start in range(0, len(commits), PAGE)]
    while waiting:
        page = waiting.pop(0)
        try:
            pull_requests, more = _ask(api, repository, page, _FEW)
        except GraphQLTimeout:
            if len(page) == 1:
                raise
            middle = len(page) // 2
            waiting[:0] = [page[:middle], page[middle:]]
            continue
        for sha in more:
            pull_requests |= _ask(api, repository, [sha], _MANY)[0]
        found |= pull_requests
    return found


def _ask(
    api: GitHubApi, repository: str, commits: Sequence[str], pull_requests: int
) -> tuple[dict[str, tuple[MergedPullRequest, ...]], list[str]]:
    """The answer, and the commits that have more pull requests than were asked for."""
    fields = (
        f"associatedPullRequests(first: {pull_requests}) {{ pageInfo {{ hasNextPage }} nodes {{ ...pullRequest }} }}"
    )
    aliases = [f'c{index}: object(oid: "{_checked(sha)}") {{ ... on Commit {{ {fields} }} }}'
               for index, sha in enumerate(commits)]  # fmt: skip
    query = (
        "query ($owner: String!, $name: String!) { repository(owner: $owner, name: $name) {\n"
        + "\n".join(aliases)
        + "\n} }"
        + _PULL_REQUEST
    )
    answer = _repository(api, repository, query)
    found, more = {}, []
    for index, sha in enumerate(commits):
        connection = (answer.get(f"c{index}") or {}).get("associatedPullRequests") or {}
        nodes = [values.merged_pull_request_of_graphql(node) for node in connection.get("nodes") or () if node]
        found[sha] = tuple(node for node in nodes if node is not None)
        if (connection.get("pageInfo") or {}).get("hasNextPage"):
            more.append(sha)
    return found, more


def body_edits(api: GitHubApi, repository: str, number: int) -> tuple[BodyEdit, ...]:
    """The last few versions of a pull request's body, newest first.

    `diff` is the whole text after the edit. The schema does not say in which order versions come, so both ends
    are asked for and the newer one is taken.
    """
    pull_request = _repository(api, repository, _BODY_EDITS, number=number).get("pullRequest") or {}
    ends = [[edit for edit in (pull_request.get(end) or {}).get("nodes") or () if edit] for end in ("first", "last")]
    first, last = ends
    if not first or not last:
        return ()
    oldest_first = values.time(last[-1]["editedAt"]) > values.time(first[0]["editedAt"])
    nodes = list(reversed(last)) if oldest_first else first
    return tuple(
        BodyEdit(
            None if node["diff"] is None else values.text(node["diff"]),
            values.user(node["editor"]),
            values.time(node["editedAt"]),
        )
        for node in nodes
    )


def _repository(api: GitHubApi, repository: str, query: str, **variables: object) -> Json:
    owner, _, name = repository.partition("/")
    data = api.query(repository, query, {"owner": owner, "name": name, **variables})
    found = data.get("repository")
    if not isinstance(found, dict):
        advice = "Check `repository:` in tengu.yml, and that the token or the GitHub App may see that repository."
        raise ServiceError("GitHub", "POST /graphql", f"404 there is no repository {repository}.", advice=advice)
    return found


def _checked(sha: str) -> str:
    if not _SHA.fullmatch(sha):
        raise ValueError(f"not a commit: {sha!r}")
    return sha

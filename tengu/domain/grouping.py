"""From commits and the pull requests GitHub associates with them to entries and direct commits.

Every commit lands in exactly one group; `group` asserts it. A commit belongs to the pull request that brought it
to the source branch, which is read off the commit graph: what the merge commit has and its first parent has not.
So the commits of a pull request that was merged into another feature branch (a stack) belong to the one that
brought that branch in. Squashes and rebases have no such merge; GitHub's association decides there.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import reduce
from graphlib import TopologicalSorter
from operator import or_

from tengu.domain.changeset import Commit, Entry, MergedPullRequest
from tengu.domain.deployment import Deployment, Kind, Outcome, State

_MERGE_SUBJECT = re.compile(r"Merge pull request #([1-9][0-9]{0,8}) from ")
_SQUASH_SUBJECT = re.compile(r"\(#([1-9][0-9]{0,8})\)\s*$")
_REVERTS_COMMIT = re.compile(r"\bThis reverts commit ([0-9a-f]{7,40})\b", re.IGNORECASE)
_REVERTS_NUMBER = re.compile(r"\bReverts (?:[\w.-]+/[\w.-]+)?#([1-9][0-9]{0,8})\b", re.IGNORECASE)


def group(
    commits: Sequence[Commit],
    associated: Mapping[str, Sequence[MergedPullRequest]],
    *,
    source: str,
    again: Mapping[int, Deployment] | None = None,
    truncated: bool = False,
) -> tuple[tuple[Entry, ...], tuple[Commit, ...]]:
    """Sort the commits of a changeset into merged pull requests and commits that came without one.

    Args:
        commits: of base..head, oldest first.
        associated: for each sha the merged pull requests that GitHub associates with it.
        source: only pull requests merged into this branch count.
        again: for the number of a pull request the last deployment that carried it and did not stay.
        truncated: True if `commits` lacks some: a pull request's merge commit may then be among those.

    Returns:
        Entries in the order in which they were merged; commits without a pull request, oldest first.
    """
    by_sha = {commit.sha: commit for commit in commits}
    commits = tuple(by_sha.values())
    candidates = _candidates(associated, source, set(by_sha), truncated=truncated)
    owners = _brought_by_merges(by_sha, associated, candidates)
    for commit in commits:
        if commit.sha not in owners:
            owner = _first_merged(associated.get(commit.sha, ()), candidates)
            if owner is not None:
                owners[commit.sha] = owner
    # One that shares its merge with others may be left without a commit of its own: it was merged all the same.
    entries = tuple(
        _with_again(entry, again or {})
        for entry in _entries(commits, owners, candidates)
        if entry.commits or entry.pull_request.merge_commit in by_sha
    )
    direct = tuple(commit for commit in commits if commit.sha not in owners)
    assert_every_commit_once(commits, entries, direct)
    return _with_reverts(entries), direct


def assert_every_commit_once(commits: Sequence[Commit], entries: Iterable[Entry], direct: Iterable[Commit]) -> None:
    """Raise AssertionError unless every commit stands in exactly one group."""
    placed = [commit.sha for entry in entries for commit in entry.commits] + [commit.sha for commit in direct]
    if sorted(placed) != sorted({commit.sha for commit in commits}):
        raise AssertionError("a commit of the changeset was lost or counted twice while grouping")


def guess_number(title: str) -> int | None:
    """Number of the pull request that a commit's subject names, as GitHub writes it for merges and squashes.

    A guess: whoever uses it asks GitHub whether that pull request was merged as this commit.
    """
    match = _MERGE_SUBJECT.match(title) or _SQUASH_SUBJECT.search(title)
    return int(match[1]) if match else None


def carried_again(history: Iterable[Deployment]) -> dict[int, Deployment]:
    """For each pull request of earlier deployments the newest one that carried it and has ended.

    Args:
        history: newest first. A rollback carries nothing, and a skipped deployment never began.
    """
    found: dict[int, Deployment] = {}
    for deployment in history:
        if deployment.state is State.ENDED and deployment.outcome is not Outcome.SKIPPED:
            for number in deployment.items if deployment.kind is not Kind.ROLLBACK else ():
                found.setdefault(number, deployment)
    return found


def _entries(
    commits: Sequence[Commit], owners: Mapping[str, int], candidates: Mapping[int, MergedPullRequest]
) -> list[Entry]:
    owned: dict[int, list[Commit]] = {}
    for commit in commits:
        if commit.sha in owners:
            owned.setdefault(owners[commit.sha], []).append(commit)
    ordered = sorted(candidates.values(), key=_merge_order)
    return [Entry(pull_request, tuple(owned.get(pull_request.number, ()))) for pull_request in ordered]


def _merge_order(pull_request: MergedPullRequest) -> tuple[object, int]:
    return pull_request.merged_at, pull_request.number


def _candidates(
    associated: Mapping[str, Sequence[MergedPullRequest]], source: str, shas: set[str], *, truncated: bool
) -> dict[int, MergedPullRequest]:
    """Pull requests merged into the source branch within the range.

    One that was merged before the base is left out: what brings its commits once more is something else.
    """
    return {
        pull_request.number: pull_request
        for pull_requests in associated.values()
        for pull_request in pull_requests
        if pull_request.base == source and (truncated or pull_request.merge_commit in shas)
    }


def _brought_by_merges(
    by_sha: Mapping[str, Commit],
    associated: Mapping[str, Sequence[MergedPullRequest]],
    candidates: Mapping[int, MergedPullRequest],
) -> dict[str, int]:
    owners: dict[str, int] = {}
    size = Counter(each.number for pull_requests in associated.values() for each in set(pull_requests))
    sharing: dict[str, list[MergedPullRequest]] = {}
    for pull_request in sorted(candidates.values(), key=_merge_order):
        sharing.setdefault(pull_request.merge_commit, []).append(pull_request)
    brought = _Brought(by_sha)
    for sha, pull_requests in sharing.items():
        for mine in brought(by_sha[sha]) if sha in by_sha else ():
            owners.setdefault(mine, _owner_among(mine, pull_requests, associated, size, by_sha[sha]))
    return owners


def _owner_among(
    sha: str,
    sharing: Sequence[MergedPullRequest],
    associated: Mapping[str, Sequence[MergedPullRequest]],
    size: Mapping[int, int],
    merge: Commit,
) -> int:
    """Whose commit it is where several pull requests came in with one merge.

    GitHub marks a pull request as merged when another one that contains all its commits is: the merge commit
    belongs to the one it names, every other commit to the smallest pull request that has it.
    """
    named = guess_number(merge.title)
    if len(sharing) > 1 and sha != merge.sha:
        numbers = {each.number for each in associated.get(sha, ())}
        having = [each.number for each in sharing if each.number in numbers]
        if having:
            return min(having, key=lambda number: (size[number], number))
    numbers_sharing = [each.number for each in sharing]
    return named if named in numbers_sharing else max(numbers_sharing, key=lambda number: (size[number], number))


class _Brought:
    """What a merge has and its first parent has not, within the range; of a squash or rebase itself alone.

    Each commit's ancestors are one integer with a bit for every commit, so that ten thousand commits take a moment.
    """

    def __init__(self, by_sha: Mapping[str, Commit]) -> None:
        order = TopologicalSorter({sha: [each for each in commit.parents if each in by_sha]
                                   for sha, commit in by_sha.items()})  # fmt: skip
        self._order = tuple(order.static_order())
        self._ancestors: dict[str, int] = {}
        for place, sha in enumerate(self._order):
            parents = (self._ancestors.get(each, 0) for each in by_sha[sha].parents)
            self._ancestors[sha] = reduce(or_, parents, 1 << place)

    def __call__(self, merge: Commit) -> Iterator[str]:
        if len(merge.parents) < 2:
            yield merge.sha
            return
        left = self._ancestors[merge.sha] & ~self._ancestors.get(merge.parents[0], 0)
        while left:
            lowest = left & -left
            yield self._order[lowest.bit_length() - 1]
            left ^= lowest


def _first_merged(
    pull_requests: Sequence[MergedPullRequest], candidates: Mapping[int, MergedPullRequest]
) -> int | None:
    mine = [each for each in pull_requests if each.number in candidates]
    return min(mine, key=_merge_order).number if mine else None


def _with_again(entry: Entry, again: Mapping[int, Deployment]) -> Entry:
    deployment = again.get(entry.pull_request.number)
    if deployment is None:
        return entry
    return replace(entry, again=deployment.number, again_outcome=str(deployment.outcome or ""))


def _with_reverts(entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
    """Mark what a later pull request of the same changeset takes back, unless that one was taken back too."""
    reverted_by: dict[int, int] = {}
    for index in range(len(entries) - 1, -1, -1):
        reverting = entries[index].pull_request.number
        text = "\n".join(f"{commit.title}\n{commit.body}" for commit in entries[index].commits)
        numbers = {int(number) for number in _REVERTS_NUMBER.findall(text)}
        shas = tuple(sha.lower() for sha in _REVERTS_COMMIT.findall(text))
        if reverting in reverted_by or not (numbers or shas):
            continue
        for entry in entries[:index]:
            if entry.pull_request.number in numbers or (shas and _is_whole(entry, shas)):
                reverted_by.setdefault(entry.pull_request.number, reverting)
    return tuple(replace(entry, reverted_by=reverted_by.get(entry.pull_request.number)) for entry in entries)


def _is_whole(entry: Entry, shas: tuple[str, ...]) -> bool:
    """Do these commits make up the whole pull request: its merge or squash, or each commit of its own?"""
    merge = next((each for each in entry.commits if each.sha == entry.pull_request.merge_commit), None)
    rebased = merge is not None and len(merge.parents) < 2 and len(entry.commits) > 1
    if entry.pull_request.merge_commit.startswith(shas) and not rebased:
        return True
    own = [commit for commit in entry.commits if len(commit.parents) < 2]
    return bool(own) and all(commit.sha.startswith(shas) for commit in own)

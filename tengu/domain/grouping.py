"""From commits and the pull requests GitHub associates with them to entries and direct commits.

Every commit lands in exactly one group; `group` asserts it. A commit belongs to the pull request that brought it
to the source branch, which is read off the commit graph: what the merge commit has and its first parent has not.
So the commits of a pull request that was merged into another feature branch (a stack) belong to the one that
brought that branch in. Squashes and rebases have no such merge; GitHub's association decides there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

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
    entries = tuple(
        Entry(pull_request, tuple(commit for commit in commits if owners.get(commit.sha) == pull_request.number))
        for pull_request in sorted(candidates.values(), key=_merge_order)
    )
    # One that shares its merge with others may be left without a commit of its own: it was merged all the same.
    entries = tuple(
        _with_again(entry, again or {})
        for entry in entries
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
    size = {
        number: sum(any(each.number == number for each in pull_requests) for pull_requests in associated.values())
        for number in candidates
    }
    for pull_request in sorted(candidates.values(), key=_merge_order):
        merge = by_sha.get(pull_request.merge_commit)
        if merge is None:
            continue
        sharing = [each for each in candidates.values() if each.merge_commit == merge.sha]
        mine = _brought(by_sha, merge)
        for sha in mine:
            owners.setdefault(sha, _owner_among(sha, sharing, associated, size, merge))
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


def _brought(by_sha: Mapping[str, Commit], merge: Commit) -> set[str]:
    """What `merge` has and its first parent has not, within the range; of a squash or rebase itself alone."""
    if len(merge.parents) < 2:
        return {merge.sha}
    return _reachable(by_sha, [merge.sha], without=_reachable(by_sha, merge.parents[:1], without=set()))


def _reachable(by_sha: Mapping[str, Commit], start: Iterable[str], without: set[str]) -> set[str]:
    seen: set[str] = set()
    stack = list(start)
    while stack:
        sha = stack.pop()
        if sha in by_sha and sha not in seen and sha not in without:
            seen.add(sha)
            stack.extend(by_sha[sha].parents)
    return seen


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
        reverting = entries[index]
        if reverting.pull_request.number in reverted_by:
            continue
        for entry in entries[:index]:
            if _takes_back(reverting, entry):
                reverted_by.setdefault(entry.pull_request.number, reverting.pull_request.number)
    return tuple(replace(entry, reverted_by=reverted_by.get(entry.pull_request.number)) for entry in entries)


def _takes_back(reverting: Entry, entry: Entry) -> bool:
    text = "\n".join(f"{commit.title}\n{commit.body}" for commit in reverting.commits)
    if str(entry.pull_request.number) in _REVERTS_NUMBER.findall(text):
        return True
    shas = tuple(sha.lower() for sha in _REVERTS_COMMIT.findall(text))
    if not shas:
        return False
    if entry.pull_request.merge_commit.startswith(shas):
        merge = next((each for each in entry.commits if each.sha == entry.pull_request.merge_commit), None)
        rebased = merge is not None and len(merge.parents) < 2 and len(entry.commits) > 1
        if not rebased:
            return True
    own = [commit for commit in entry.commits if len(commit.parents) < 2]
    return bool(own) and all(commit.sha.startswith(shas) for commit in own)

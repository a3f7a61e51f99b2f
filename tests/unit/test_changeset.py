"""Every commit of a changeset lands in exactly one group, whichever way it was merged."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tengu.domain.changeset import Commit, Entry, MergedPullRequest
from tengu.domain.deployment import Deployment, Kind, Outcome, State
from tengu.domain.grouping import carried_again, group, guess_number
from tengu.domain.people import Actor, GitHubUser

_START = datetime(2026, 1, 1, tzinfo=UTC)


def commit(sha: str, *parents: str, title: str = "", body: str = "") -> Commit:
    return Commit(sha, title or f"Change {sha}", GitHubUser("alice"), "Alice", _START, parents, body)


def merged(number: int, merge_commit: str, base: str = "master") -> MergedPullRequest:
    url = f"https://github.com/acme/web/pull/{number}"
    at = _START + timedelta(minutes=number)
    author = GitHubUser("alice")
    return MergedPullRequest(number, f"Title {number}", url, author, author, (), (), base, merge_commit, at)


def shape(entries: tuple[Entry, ...]) -> dict[int, list[str]]:
    return {entry.pull_request.number: [commit.sha for commit in entry.commits] for entry in entries}


def test_merge_commit_squash_rebase_and_direct_commit() -> None:
    commits = [
        commit("a1", "base"),
        commit("m1", "base", "a1"),
        commit("s2", "m1"),
        commit("r1", "s2"),
        commit("r2", "r1"),
        commit("d1", "r2"),
    ]
    one, two, three = merged(1, "m1"), merged(2, "s2"), merged(3, "r2")
    entries, direct = group(
        commits, {"a1": [one], "m1": [one], "s2": [two], "r1": [three], "r2": [three]}, source="master"
    )
    assert shape(entries) == {1: ["a1", "m1"], 2: ["s2"], 3: ["r1", "r2"]}
    assert [each.sha for each in direct] == ["d1"]


def test_a_stack_belongs_to_the_one_that_brought_it_to_the_source_branch() -> None:
    commits = [commit("a1", "base"), commit("b1", "a1"), commit("mb", "a1", "b1"), commit("ma", "base", "mb")]
    into_branch, into_source = merged(2, "mb", base="feature-a"), merged(3, "ma")
    entries, direct = group(
        commits,
        {"a1": [into_source], "b1": [into_branch, into_source], "mb": [into_branch], "ma": [into_source]},
        source="master",
    )
    assert shape(entries) == {3: ["a1", "b1", "mb", "ma"]}
    assert direct == ()


def test_a_pull_request_that_came_in_with_a_larger_one_keeps_its_own_commits() -> None:
    commits = [
        commit("a1", "base"),
        commit("b1", "a1"),
        commit("mb", "base", "b1", title="Merge pull request #5 from acme/b"),
    ]
    small, large = merged(4, "mb"), merged(5, "mb")
    entries, direct = group(commits, {"a1": [small, large], "b1": [large], "mb": [large]}, source="master")
    assert shape(entries) == {4: ["a1"], 5: ["b1", "mb"]}
    assert direct == ()


def test_a_feature_branch_that_merged_the_source_branch_does_not_take_its_commits() -> None:
    commits = [
        commit("a1", "base"),
        commit("b1", "base"),
        commit("m1", "base", "a1"),
        commit("back", "b1", "m1", title="Merge branch 'master' into b"),
        commit("m2", "m1", "back"),
    ]
    one, two = merged(1, "m1"), merged(2, "m2")
    entries, _ = group(commits, {"a1": [one], "m1": [one], "b1": [two], "back": [two], "m2": [two]}, source="master")
    assert shape(entries) == {1: ["a1", "m1"], 2: ["b1", "back", "m2"]}


def test_a_back_merge_of_the_deployment_branch_is_no_entry_of_a_deployment_pull_request() -> None:
    commits = [commit("dm", "old", "base", title="Merge pull request #9 from acme/master"), commit("bm", "base", "dm")]
    deployment = merged(9, "dm", base="deployment/production")
    entries, direct = group(commits, {"dm": [deployment], "bm": []}, source="master")
    assert entries == ()
    assert [each.sha for each in direct] == ["dm", "bm"]


def test_a_pull_request_merged_before_the_base_is_not_listed_again() -> None:
    old = merged(1, "squashed-long-ago")
    entries, direct = group([commit("a1", "base")], {"a1": [old]}, source="master")
    assert entries == ()
    assert [each.sha for each in direct] == ["a1"]
    entries, direct = group([commit("a1", "base")], {"a1": [old]}, source="master", truncated=True)
    assert shape(entries) == {1: ["a1"]}


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (("Revert two", "This reverts commit m2, reversing\nchanges.".replace("m2", "a" * 40)), {2: 3}),
        (("Revert two (#3)", "Reverts acme/web#2"), {2: 3}),
        (("Revert something", "This reverts commit " + "f" * 40), {}),
    ],
)
def test_a_revert_within_the_range_is_marked(message: tuple[str, str], expected: dict[int, int]) -> None:
    two, three = merged(2, "a" * 40), merged(3, "c3")
    commits = [commit("a" * 40, "base"), commit("c3", "a" * 40, title=message[0], body=message[1])]
    entries, _ = group(commits, {"a" * 40: [two], "c3": [three]}, source="master")
    found = {entry.pull_request.number: entry.reverted_by for entry in entries if entry.reverted_by}
    assert found == expected


def test_a_reverted_revert_counts_for_nothing() -> None:
    pulls = [merged(1, "a" * 40), merged(2, "b" * 40), merged(3, "c" * 40)]
    commits = [
        commit("a" * 40, "base"),
        commit("b" * 40, "a" * 40, body="This reverts commit " + "a" * 40),
        commit("c" * 40, "b" * 40, body="This reverts commit " + "b" * 40),
    ]
    associated = {each.merge_commit: [each] for each in pulls}
    entries, _ = group(commits, associated, source="master")
    assert [entry.reverted_by for entry in entries] == [None, 3, None]


def deployment(number: int, items: tuple[int, ...], outcome: Outcome | None, kind: Kind = Kind.MERGE) -> Deployment:
    state = State.RUNNING if outcome is None else State.ENDED
    actor = Actor("github", "bob")
    return Deployment(
        number, "web", "production", kind, "c", "s", None, 50, items, actor, None, state, _START, outcome=outcome
    )


def test_what_an_earlier_deployment_carried_is_marked_again() -> None:
    history = [
        deployment(45, (1, 2), None),
        deployment(44, (1,), Outcome.SKIPPED),
        deployment(43, (2,), Outcome.SUCCEEDED, Kind.ROLLBACK),
        deployment(42, (1,), Outcome.ROLLED_BACK),
        deployment(41, (1, 2), Outcome.FAILED),
    ]
    again = carried_again(history)
    assert {number: each.number for number, each in again.items()} == {1: 42, 2: 41}
    entries, _ = group([commit("m1", "base")], {"m1": [merged(1, "m1")]}, source="master", again=again)
    assert (entries[0].again, entries[0].again_outcome) == (42, "rolled_back")


@pytest.mark.parametrize(
    ("title", "number"),
    [
        ("Merge pull request #12 from acme/feature", 12),
        ("Add a form (#34)", 34),
        ('Revert "Add a form (#34)" (#35)', 35),
        ("Fix #12", None),
        ("Merge branch 'master' into x", None),
        ("(#0)", None),
    ],
)
def test_numbers_in_subjects(title: str, number: int | None) -> None:
    assert guess_number(title) == number


@st.composite
def _histories(draw: st.DrawFn) -> tuple[list[Commit], dict[str, list[MergedPullRequest]]]:
    size = draw(st.integers(1, 12))
    commits: list[Commit] = []
    for index in range(size):
        known = ["base", *(f"c{each}" for each in range(index))]
        parents = draw(st.lists(st.sampled_from(known), min_size=1, max_size=2, unique=True))
        commits.append(commit(f"c{index}", *parents))
    pulls = [
        merged(
            number,
            draw(st.sampled_from([*(each.sha for each in commits), "elsewhere"])),
            draw(st.sampled_from(["master", "other"])),
        )
        for number in range(1, draw(st.integers(1, 5)))
    ]
    associated = {
        each.sha: draw(st.lists(st.sampled_from(pulls), unique=True, max_size=3)) if pulls else [] for each in commits
    }
    return commits, associated


@given(_histories(), st.booleans())
def test_every_commit_stands_in_exactly_one_group(
    history: tuple[list[Commit], dict[str, list[MergedPullRequest]]], truncated: bool
) -> None:
    commits, associated = history
    entries, direct = group(commits, associated, source="master", truncated=truncated)
    placed = [each.sha for entry in entries for each in entry.commits] + [each.sha for each in direct]
    assert sorted(placed) == sorted(each.sha for each in commits)
    assert all(entry.pull_request.base == "master" for entry in entries)

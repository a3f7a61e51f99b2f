"""What stories do with the GitHub stand-in: people commit, merge, tick, at the time they are given."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from tengu.sandbox.faults import Fault
from tengu.sandbox.github import GitHubStandIn
from tengu.sandbox.github.associations import associated
from tengu.sandbox.github.errors import GitHubError
from tengu.sandbox.github.objects import Signature
from tengu.sandbox.github.repo import RepositoryStandIn

MONDAY = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.at = MONDAY

    def now(self) -> datetime:
        """What it shows."""
        return self.at

    def pass_by(self, **span: float) -> None:
        """Move it on."""
        self.at += timedelta(**span)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def github(tmp_path: Path, clock: Clock) -> GitHubStandIn:
    running = GitHubStandIn(tmp_path, now=clock.now)
    for login in ("alice", "bob"):
        running.account(login, email=f"{login}@example.com", name=login.title())
    return running


@pytest.fixture
def web(github: GitHubStandIn) -> RepositoryStandIn:
    return github.repository("acme/web", {"app.py": "1\n"}, by="alice")


def _numbers(github: GitHubStandIn, web: RepositoryStandIn, sha: str) -> list[int]:
    return [pull.number for pull in associated(github.hub, web.state, sha)]


def test_a_dozen_merged_pull_requests_take_no_time(tmp_path: Path) -> None:
    start = time.process_time()
    github = GitHubStandIn(tmp_path)
    github.account("alice")
    web = github.repository("acme/web", by="alice")
    for number in range(1, 13):
        web.open_pull_request(f"Change {number}", {f"src/{number}.py": "x\n", "CHANGES": f"{number}\n"}, by="alice")
        web.merge(number, by="alice")
    assert time.process_time() - start < 1
    assert len(web.state.history.log(web.head("master"))) == 25


@pytest.mark.parametrize(
    ("method", "parents", "title", "author", "committer"),
    [
        ("merge", 2, "Merge pull request #1 from acme/feature-1", "Bob", "GitHub"),
        ("squash", 1, "Two files (#1)", "Alice", "GitHub"),
        ("rebase", 1, "Two files", "Alice", "Bob"),
    ],
)
def test_each_way_of_merging_leaves_what_github_leaves(
    github: GitHubStandIn,
    web: RepositoryStandIn,
    clock: Clock,
    method: str,
    parents: int,
    title: str,
    author: str,
    committer: str,
) -> None:
    base = web.head("master")
    web.open_pull_request("Two files", {"a": "1", "b": "2"}, by="alice", commits=2)
    clock.pass_by(days=1)
    sha = web.merge(1, by="bob", method=method)  # type: ignore[arg-type]
    made, pull = web.state.store.commit(sha), web.pull_request(1)
    assert (len(made.parents), made.title, made.author.name, made.committer.name) == (parents, title, author, committer)
    assert (made.committer.at, pull.merged_at, pull.created_at) == (clock.at, clock.at, MONDAY)
    assert web.files("master") == {"app.py": "1\n", "a": "1", "b": "2"}
    assert web.state.default_branch == pull.base
    assert pull.merge_commit == sha == web.head("master")
    landed = web.state.history.between(base, sha)
    assert len(landed) == {"merge": 3, "squash": 1, "rebase": 2}[method]
    assert all(_numbers(github, web, commit.sha) == [1] for commit in landed)
    assert all(_numbers(github, web, own) == [1] for own in pull.commits)


def test_stacked_and_updated_branches_keep_their_own_commits(github: GitHubStandIn, web: RepositoryStandIn) -> None:
    web.open_pull_request("Lower", {"low": "1"}, by="alice", head="low")
    upper = web.open_pull_request("Upper", {"up": "1"}, by="bob", head="up", base="low")
    plain = web.commit("master", {"plain": "1"}, "No pull request", by="bob")
    web.merge(2, by="bob")
    web.merge(1, by="alice")
    assert _numbers(github, web, upper.commits[0]) == [2, 1]
    assert _numbers(github, web, plain) == []
    assert upper.commits[0] in web.pull_request(1).commits


def test_a_lagging_index_knows_nothing_of_new_commits(
    github: GitHubStandIn, web: RepositoryStandIn, clock: Clock
) -> None:
    github.hub.index_lag = timedelta(minutes=5)
    web.open_pull_request("Late", {"a": "1"}, by="alice")
    sha = web.merge(1, by="alice")
    assert _numbers(github, web, sha) == []
    clock.pass_by(minutes=5)
    assert _numbers(github, web, sha) == [1]


def test_ticks_and_edits(web: RepositoryStandIn, clock: Clock) -> None:
    web.open_pull_request("D", {"a": "1"}, by="alice", body="Hi\n\n  * [ ] #1 a\n- [ ] #12 b\n")
    web.tick(1, "#12", by="bob")
    web.tick(1, "#1 ", by="bob")
    assert web.pull_request(1).body == "Hi\n\n  * [x] #1 a\n- [x] #12 b\n"
    clock.pass_by(hours=1)
    web.untick(1, "#1 ", by="alice")
    web.edit(1, by="alice", body=web.pull_request(1).body + "note\n")
    assert web.pull_request(1).body == "Hi\r\n\r\n  * [ ] #1 a\r\n- [x] #12 b\r\nnote\r\n"
    assert [edit.by.login for edit in web.pull_request(1).edits] == ["alice", "bob", "bob", "alice", "alice"]
    assert web.pull_request(1).updated_at == MONDAY + timedelta(hours=1)
    with pytest.raises(LookupError, match="no checkbox line of pull request 1 contains '#7'"):
        web.tick(1, "#7", by="bob")


def test_branches_that_go_and_people_who_are_unknown(web: RepositoryStandIn) -> None:
    web.open_pull_request("D", {"a": "1"}, by="alice", head="gone")
    web.delete_branch("gone", by="bob")
    assert (web.pull_request(1).state, web.pull_request(1).merged_at) == ("closed", None)
    with pytest.raises(GitHubError, match="cannot be reopened"):
        web.reopen(1, by="bob")
    with pytest.raises(GitHubError, match="405 Pull Request is not mergeable"):
        web.merge(1, by="bob")
    stranger = Signature("Stranger <x>", "nobody@example.com", MONDAY)
    sha = web.commit("master", {"b": "1"}, "From afar", by="bob", author=stranger)
    assert web.state.store.commit(sha).author.name == "Stranger x"
    with pytest.raises(LookupError, match="has no branch gone"):
        web.head("gone")
    web.delete_branch("master")
    web.branch("topic/one", sha)
    with pytest.raises(GitHubError, match="clashes"):
        web.branch("topic", sha)


def test_the_head_branch_goes_where_the_repository_says_so(web: RepositoryStandIn) -> None:
    web.state.delete_branch_on_merge = True
    web.open_pull_request("D", {"a": "1"}, by="alice", head="topic")
    web.merge(1, by="alice")
    assert web.state.head("topic") is None


def test_faults_strike_by_name_and_pages_are_shown(github: GitHubStandIn, web: RepositoryStandIn) -> None:
    web.open_pull_request("<b>Bold</b>", {"a": "1"}, by="alice", body="<script>x</script>")
    with github:
        github.faults.add(Fault("GET /repos/acme/web", status=502))
        headers = {"Authorization": f"token {github.token('alice')}"}
        first, second = (httpx.get(github.url + path + "/repos/acme/web", headers=headers) for path in ("/api/v3", ""))
        assert (first.status_code, second.status_code) == (502, 200)
        page = httpx.get(second.json()["html_url"] + "/pull/1")
        assert "&lt;b&gt;Bold&lt;/b&gt; #1" in page.text
        assert "&lt;script&gt;" in page.text
        assert httpx.get(f"{github.url}/acme/web/commit/{web.head('master')}").status_code == 200
        assert httpx.get(f"{github.url}/acme/web/pull/77").json()["message"] == "Not Found"
        assert github.faults.count("GET /repos/acme/web") == 2

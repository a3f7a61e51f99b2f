"""The GitHub adapter against the stand-in, which answers as GitHub's published descriptions say."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tengu.adapters.github import GitHubCodeHost
from tengu.domain.people import GitHubUser
from tengu.errors import ServiceError
from tengu.sandbox.faults import Fault
from tengu.sandbox.github import GitHubStandIn
from tengu.secret import Secret

REPOSITORY = "acme/web"


@pytest.fixture
def github(tmp_path: Path) -> Iterator[GitHubStandIn]:
    with GitHubStandIn(tmp_path / "github") as stand_in:
        for login in ("alice", "bob"):
            stand_in.account(login, name=login.title(), email=f"{login}@example.com")
        stand_in.account("tengu-bot")
        stand_in.account("dependabot[bot]", "Bot")
        stand_in.repository(REPOSITORY, {"a.txt": "a\n"}, by="alice")
        yield stand_in


@pytest.fixture
def host(github: GitHubStandIn) -> Iterator[GitHubCodeHost]:
    token = Secret(github.token("tengu-bot"))
    host = GitHubCodeHost.with_token(token, github.url, seconds_between_writes=0, retry_waits=(0.0,))
    yield host
    host.close()


def merge(github: GitHubStandIn, title: str, by: str = "alice", method: str = "merge", commits: int = 1) -> int:
    repo = github.repo(REPOSITORY)
    files = {f"{title}-{index}.txt".replace(" ", "-"): title for index in range(commits)}
    number = repo.open_pull_request(title, files, by=by, commits=commits).number
    repo.merge(number, by="bob", method=method)  # type: ignore[arg-type]  # a method's name
    return number


def test_branches(github: GitHubStandIn, host: GitHubCodeHost) -> None:
    head = github.repo(REPOSITORY).head("master")
    assert host.branch_head(REPOSITORY, "master") == head
    assert host.branch_head(REPOSITORY, "deployment/production") is None
    host.create_branch(REPOSITORY, "deployment/production", head)
    host.create_branch(REPOSITORY, "deployment/production", head)
    assert host.branch_head(REPOSITORY, "deployment/production") == head
    other = github.repo(REPOSITORY).commit("master", {"b": "b"}, "Two")
    with pytest.raises(ServiceError, match="422 Reference already exists"):
        host.create_branch(REPOSITORY, "deployment/production", other)


def test_a_repository_that_is_not_seen_is_no_missing_branch(host: GitHubCodeHost) -> None:
    with pytest.raises(ServiceError, match=r"404 Not Found\. Check `repository:` in tengu\.yml"):
        host.branch_head("acme/nothing", "master")


def test_commits_are_compared_over_all_pages(github: GitHubStandIn, host: GitHubCodeHost) -> None:
    repo = github.repo(REPOSITORY)
    base = repo.head("master")
    shas = [repo.commit("master", {"n": str(n)}, f"Commit {n}\n\nIts body", by="alice") for n in range(103)]
    comparison = host.compare(REPOSITORY, base, shas[-1])
    assert [commit.sha for commit in comparison.commits] == shas
    assert (comparison.total, comparison.merge_base, comparison.behind) == (103, base, 0)
    first = comparison.commits[0]
    assert (first.title, first.body, first.author, first.author_name) == (
        "Commit 0", "Its body", GitHubUser("alice"), "Alice",
    )  # fmt: skip
    assert first == host.commit(REPOSITORY, shas[0])
    assert comparison.commits[1].parents == (shas[0],)
    assert host.is_ancestor(REPOSITORY, base, shas[-1])
    assert host.is_ancestor(REPOSITORY, base, base)
    assert not host.is_ancestor(REPOSITORY, shas[0], base)


def test_a_commit_that_is_gone_is_explained(host: GitHubCodeHost) -> None:
    with pytest.raises(ServiceError, match=f"One of {'0' * 40} and master is gone"):
        host.compare(REPOSITORY, "0" * 40, "master")


def test_merged_pull_requests_of_commits(github: GitHubStandIn, host: GitHubCodeHost) -> None:
    repo = github.repo(REPOSITORY)
    base = repo.head("master")
    merged = merge(github, "by merge", commits=2)
    squashed = merge(github, "by squash", by="dependabot[bot]", method="squash")
    rebased = merge(github, "by rebase", method="rebase", commits=2)
    repo.assign(merged, "bob")
    repo.label(merged, "schema")
    direct = repo.commit("master", {"d": "d"}, "Direct")
    commits = host.compare(REPOSITORY, base, direct).commits
    found = host.merged_pull_requests_of(REPOSITORY, [commit.sha for commit in commits])
    numbers = [[each.number for each in found[commit.sha]] for commit in commits]
    assert sorted(numbers) == sorted([[merged]] * 3 + [[squashed]] + [[rebased]] * 2 + [[]])
    for number in (merged, squashed, rebased):
        by_graphql = next(each for pulls in found.values() for each in pulls if each.number == number)
        assert by_graphql == host.merged_pull_request(REPOSITORY, number)
    one = host.merged_pull_request(REPOSITORY, merged)
    assert one is not None
    assert (one.assignees, one.labels, one.merged_by, one.base) == (
        (GitHubUser("bob"),), ("schema",), GitHubUser("bob"), "master",
    )  # fmt: skip
    bots = host.merged_pull_request(REPOSITORY, squashed)
    assert bots is not None
    assert bots.author == GitHubUser("dependabot[bot]", is_bot=True)
    assert host.merged_pull_request(REPOSITORY, 999) is None


def test_two_hundred_commits_take_two_queries(github: GitHubStandIn, host: GitHubCodeHost) -> None:
    repo = github.repo(REPOSITORY)
    shas = [repo.commit("master", {"n": str(n)}, f"Commit {n}") for n in range(12)]
    host.merged_pull_requests_of(REPOSITORY, [*shas] * 17)
    assert github.faults.count("*graphql*") == 3


def test_a_slow_query_is_split(github: GitHubStandIn, host: GitHubCodeHost) -> None:
    base = github.repo(REPOSITORY).head("master")
    merged = merge(github, "one", commits=3)
    shas = [commit.sha for commit in host.compare(REPOSITORY, base, "master").commits]
    assert len(shas) == 4
    words = "Something went wrong while executing your query. This may be the result of a timeout."
    github.faults.add(Fault("*graphql*", status=502, times=1))
    github.faults.add(
        Fault("*graphql*", status=200, body=json.dumps({"data": None, "errors": [{"message": words}]}).encode())
    )
    found = host.merged_pull_requests_of(REPOSITORY, shas)
    assert all([each.number for each in pulls] == [merged] for pulls in found.values())
    assert set(found) == set(shas)


def test_the_open_pull_request_is_found_by_head_and_base(github: GitHubStandIn, host: GitHubCodeHost) -> None:
    repo = github.repo(REPOSITORY)
    start = repo.head("master")
    repo.branch("deployment/production", start)
    repo.branch("deployment/dev", start)
    repo.commit("master", {"b": "b"}, "Two")
    hotfix = repo.open_pull_request("Hotfix", {"h": "h"}, by="alice", base="deployment/production").number
    assert host.find_open_pull_request(REPOSITORY, "master", "deployment/production") is None
    made = host.create_pull_request(
        REPOSITORY, title="Deploy", body="Body\n", head="master", base="deployment/production"
    )
    assert made.number != hotfix
    assert (made.state, made.head, made.base, made.head_sha) == (
        "open", "master", "deployment/production", repo.head("master"),
    )  # fmt: skip
    again = host.create_pull_request(REPOSITORY, title="X", body="Y", head="master", base="deployment/production")
    assert again == made == host.find_open_pull_request(REPOSITORY, "master", "deployment/production")
    assert host.find_open_pull_request(REPOSITORY, "master", "deployment/dev") is None


def test_a_created_pull_request_whose_answer_was_lost_is_found(github: GitHubStandIn, host: GitHubCodeHost) -> None:
    repo = github.repo(REPOSITORY)
    repo.branch("deployment/production")
    repo.commit("master", {"b": "b"}, "Two")
    github.faults.add(Fault("POST /repos/*/pulls", status=502, after=True))
    made = host.create_pull_request(REPOSITORY, title="T", body="B", head="master", base="deployment/production")
    assert [each.number for each in repo.state.pulls.values()] == [made.number]


def test_edits_and_their_versions(github: GitHubStandIn, host: GitHubCodeHost) -> None:
    repo = github.repo(REPOSITORY)
    number = repo.open_pull_request("One", {"x": "x"}, by="alice", body="first").number
    assert host.body_edits(REPOSITORY, number) == ()
    repo.edit(number, by="bob", body="second\nline")
    edited = host.edit_pull_request(REPOSITORY, number, body="third")
    assert (edited.body, edited.title) == ("third", "One")
    edits = host.body_edits(REPOSITORY, number)
    assert [edit.body for edit in edits] == ["third", "second\nline", "first"]
    assert [edit.editor.login for edit in edits if edit.editor] == ["tengu-bot", "bob", "alice"]
    assert host.edit_pull_request(REPOSITORY, number, title="Two").title == "Two"
    assert host.pull_request(REPOSITORY, number).title == "Two"


def test_what_was_merged_as_a_commit(github: GitHubStandIn, host: GitHubCodeHost) -> None:
    repo = github.repo(REPOSITORY)
    repo.branch("deployment/production")
    repo.commit("master", {"b": "b"}, "Two")
    number = repo.open_pull_request("Deploy", by="alice", head="master", base="deployment/production").number
    merge_commit = repo.merge(number, by="bob")
    found = host.pull_request_merged_as(REPOSITORY, merge_commit, "deployment/production")
    assert found is not None
    assert (found.number, found.state, found.merged_by, found.merge_commit) == (
        number, "merged", GitHubUser("bob"), merge_commit,
    )  # fmt: skip
    assert host.pull_request_merged_as(REPOSITORY, merge_commit, "master") is None
    assert host.pull_request_merged_as(REPOSITORY, repo.head("master"), "deployment/production") is None
    github.faults.add(Fault("GET */commits/*/pulls", status=200, body=b"[]"))
    assert host.pull_request_merged_as(REPOSITORY, merge_commit, "deployment/production") == found


def test_deployments_are_found_by_their_key(github: GitHubStandIn, host: GitHubCodeHost) -> None:
    repo = github.repo(REPOSITORY)
    head = repo.head("master")
    one = host.create_deployment(REPOSITORY, head, environment="production", description="x" * 200, key="tengu-1")
    assert one == host.create_deployment(REPOSITORY, head, environment="production", description="y", key="tengu-1")
    two = host.create_deployment(REPOSITORY, head, environment="production", description="y", key="tengu-2")
    assert one != two
    host.set_deployment_status(
        REPOSITORY, one, "in_progress", description="z" * 200, environment_url="https://example.com"
    )
    status = next(each for each in repo.state.deployments.values() if each.id == one).statuses[-1]
    assert (status.state, len(status.description), status.environment_url) == (
        "in_progress", 140, "https://example.com",
    )  # fmt: skip


def test_who_may_write(github: GitHubStandIn, host: GitHubCodeHost) -> None:
    repo = github.repo(REPOSITORY)
    repo.allow("bob", "read")
    repo.allow("alice", "maintain")
    assert host.can_write(REPOSITORY, "alice")
    assert not host.can_write(REPOSITORY, "bob")
    assert not host.can_write(REPOSITORY, "nobody-known")
    assert not host.can_write(REPOSITORY, "../../evil")
    assert host.email("alice") == "alice@example.com"
    assert host.email("tengu-bot") is None
    assert host.email("nobody-known") is None


def test_git_gets_url_and_token(github: GitHubStandIn, host: GitHubCodeHost) -> None:
    access = host.clone_access(REPOSITORY)
    assert access.url == github.repo(REPOSITORY).clone_url
    assert access.token is not None
    host.clone_access(REPOSITORY)
    assert github.faults.count(f"GET /repos/{REPOSITORY}") == 1


def test_an_app_gets_a_token_for_the_repository_once(github: GitHubStandIn) -> None:
    app = github.app()
    host = GitHubCodeHost.with_app(str(app.id), Secret(app.private_key), github.url, seconds_between_writes=0)
    with ThreadPoolExecutor(8) as pool:
        heads = set(pool.map(lambda _: host.branch_head(REPOSITORY, "master"), range(16)))
    assert heads == {github.repo(REPOSITORY).head("master")}
    assert github.faults.count("POST /app/installations/*/access_tokens") == 1
    assert host.email("alice") == "alice@example.com"
    for token in list(github.hub.tokens):  # revoked: the first call says so, the next one has a new token
        del github.hub.tokens[token]
    with pytest.raises(ServiceError, match="401"):
        host.branch_head(REPOSITORY, "master")
    assert host.branch_head(REPOSITORY, "master") is not None
    host.close()


def test_threads_do_not_mix_up_each_others_requests(github: GitHubStandIn, host: GitHubCodeHost) -> None:
    repo = github.repo(REPOSITORY)
    for name in "abcd":
        repo.commit(f"branch-{name}", {name: name}, name)
    names = [f"branch-{name}" for name in "abcd"] * 10
    with ThreadPoolExecutor(8) as pool:
        heads = list(pool.map(lambda name: host.branch_head(REPOSITORY, name), names))
    assert heads == [repo.head(name) for name in names]


_FAILURES = [
    (401, {"message": "Bad credentials"}, {}, "401 Bad credentials. Check GITHUB_TOKEN", False, None),
    (403, {"message": "Resource not accessible by integration"}, {"X-Accepted-GitHub-Permissions": "contents=read"},
     "Give the token or the GitHub App the right `contents=read`", False, None),
    (403, {"message": "API rate limit exceeded for user"}, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1"},
     "rate limit is used up", True, 1.0),
    (403, {"message": "You have exceeded a secondary rate limit."}, {"Retry-After": "17"},
     "goes on in 17 s", True, 17.0),
    (429, {"message": "You have exceeded a secondary rate limit."}, {}, "goes on in 60 s", True, 60.0),
    (422, {"message": "Validation Failed", "errors": [{"resource": "X", "code": "invalid", "field": "head"}]}, {},
     "422 Validation Failed; head invalid.", False, None),
    (503, {}, {}, "503 Service Unavailable. https://www.githubstatus.com", True, None),
    (503, {"message": "Unicorn"}, {}, "503 Unicorn. https://www.githubstatus.com", True, None),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body", "headers", "message", "transient", "wait"), _FAILURES)
def test_each_failure_says_what_to_do(
    github: GitHubStandIn,
    host: GitHubCodeHost,
    status: int,
    body: dict[str, object],
    headers: dict[str, str],
    message: str,
    transient: bool,
    wait: float | None,
) -> None:
    github.faults.add(Fault("*", status=status, body=json.dumps(body).encode(), headers=headers, times=-1))
    with pytest.raises(ServiceError) as raised:
        host.pull_request(REPOSITORY, 1)
    error = raised.value
    assert message in str(error)
    assert (error.service, error.action, error.transient, error.retry_after) == (
        "GitHub", f"GET /repos/{REPOSITORY}/pulls/1", transient, wait,
    )  # fmt: skip


def test_a_short_failure_of_a_read_is_not_noticed(github: GitHubStandIn, host: GitHubCodeHost) -> None:
    github.faults.add(Fault("GET /repos/*", status=502))
    assert host.branch_head(REPOSITORY, "master")


@pytest.mark.parametrize("body", [b"<html>proxy</html>", b"{", b"[]", b""])
def test_an_answer_that_makes_no_sense_is_an_error_of_github(
    github: GitHubStandIn, host: GitHubCodeHost, body: bytes
) -> None:
    github.faults.add(Fault("*", status=200, body=body, times=-1))
    with pytest.raises(ServiceError, match="makes no sense"):
        host.pull_request(REPOSITORY, 1)


def test_nobody_listens() -> None:
    host = GitHubCodeHost.with_token(Secret("x"), "http://127.0.0.1:9", retry_waits=())
    with pytest.raises(
        ServiceError, match=r"it cannot be reached: .*Connection refused.*Check GITHUB_API_URL"
    ) as raised:
        host.branch_head(REPOSITORY, "master")
    assert raised.value.transient


def test_a_key_that_is_none(github: GitHubStandIn) -> None:
    host = GitHubCodeHost.with_app("1", Secret("no key"), github.url)
    with pytest.raises(ServiceError, match="Check GITHUB_APP_ID and GITHUB_APP_PRIVATE_KEY") as raised:
        host.branch_head(REPOSITORY, "master")
    assert "no key" not in str(raised.value)


def test_only_changes_are_paced(github: GitHubStandIn) -> None:
    slept: list[float] = []
    token = Secret(github.token("tengu-bot"))
    host = GitHubCodeHost.with_token(token, github.url, sleep=slept.append)
    head = github.repo(REPOSITORY).head("master")
    begun = time.monotonic()
    host.merged_pull_requests_of(REPOSITORY, [head])
    host.merged_pull_requests_of(REPOSITORY, [head])
    host.branch_head(REPOSITORY, "master")
    assert slept == []
    assert time.monotonic() - begun < 0.9
    host.create_branch(REPOSITORY, "one", head)
    host.create_branch(REPOSITORY, "two", head)
    assert len(slept) == 1
    assert 0 < slept[0] <= 1
    host.close()


def test_the_token_is_in_no_log(github: GitHubStandIn, host: GitHubCodeHost, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    host.branch_head(REPOSITORY, "master")
    token = host.clone_access(REPOSITORY).token
    assert token is not None
    assert threading.current_thread().name
    assert token.reveal() not in caplog.text

"""The GitHub stand-in's REST answers are those that GitHub publishes."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import github as pygithub
import httpx
import jwt
import pytest

from tengu.sandbox.github import GitHubStandIn
from tengu.sandbox.github.repo import RepositoryStandIn
from tests.stand_ins.github_published import CheckedClient, answer_problems, published

REPO = "/repos/acme/web"
BOXES = "Verify:\n\n- [ ] #1 by @alice\n- [ ] #2 by @bob\n"


@pytest.fixture
def github(tmp_path: Path) -> Iterator[GitHubStandIn]:
    with GitHubStandIn(tmp_path) as running:
        for login in ("alice", "bob"):
            running.account(login, email=f"{login}@example.com", name=login.title())
        running.account("mallory")
        yield running


@pytest.fixture
def web(github: GitHubStandIn) -> RepositoryStandIn:
    made = github.repository("acme/web", {"app.py": "print(1)\n", "docs/a.md": "a\n"}, by="alice")
    made.branch("deployment/production")
    for number, by, method in ((1, "alice", "merge"), (2, "bob", "squash"), (3, "bob", "rebase")):
        made.open_pull_request(f"Change {number}", {f"{number}.txt": "1\n", f"d/{number}": "2\n"}, by=by, commits=2)
        made.merge(number, by="alice", method=method)  # type: ignore[arg-type]
    made.allow("mallory", "none")
    return made


@pytest.fixture
def call(github: GitHubStandIn, web: RepositoryStandIn) -> Iterator[CheckedClient]:
    client = CheckedClient(github, github.token("alice"))
    yield client
    client.close()


@pytest.fixture
def as_app(github: GitHubStandIn, web: RepositoryStandIn) -> Iterator[CheckedClient]:
    app = github.app()
    client = CheckedClient(github, jwt.encode({"iss": str(app.id)}, app.private_key, algorithm="RS256"))
    yield client
    client.close()


def test_every_published_operation_answers_as_published(
    github: GitHubStandIn, web: RepositoryStandIn, call: CheckedClient, as_app: CheckedClient
) -> None:
    head, old = web.head("master"), web.head("deployment/production")
    for path in (
        "",
        "/branches",
        "/branches/deployment/production",
        "/commits",
        f"/commits/{head}",
        f"/git/commits/{head}",
    ):
        call(f"GET {REPO}{path}")
    call("GET /users/bob")
    call(f"GET {REPO}/collaborators/bob/permission")
    call(f"GET {REPO}/compare/deployment/production...master")
    call(f"GET {REPO}/git/ref/heads/master")
    call(f"GET {REPO}/git/matching-refs/heads/deployment")
    call(f"POST {REPO}/git/refs", {"ref": "refs/heads/x/y", "sha": old}, status=201)
    call(f"PATCH {REPO}/git/refs/heads/x/y", {"sha": head})
    call(f"DELETE {REPO}/git/refs/heads/x/y", status=204)
    made = call(
        f"POST {REPO}/pulls",
        {"title": "D", "body": BOXES, "head": "master", "base": "deployment/production"},
        status=201,
    )
    one = f"{REPO}/pulls/{made['number']}"
    call(f"GET {one}")
    call(f"PATCH {one}", {"title": "Deploy"})
    call(f"GET {REPO}/pulls")
    call(f"GET {one}/commits")
    call(f"GET {one}/files")
    call(f"GET {one}/merge", status=404)
    call(f"GET {REPO}/commits/{head}/pulls")
    comment = call(f"POST {REPO}/issues/{made['number']}/comments", {"body": "hello"}, status=201)
    call(f"GET {REPO}/issues/{made['number']}/comments")
    call(f"GET {REPO}/issues/comments/{comment['id']}")
    call(f"PATCH {REPO}/issues/comments/{comment['id']}", {"body": "bye"})
    call(f"DELETE {REPO}/issues/comments/{comment['id']}", status=204)
    call(f"POST {REPO}/statuses/{head}", {"state": "pending", "context": "tengu/verified/web/production"}, status=201)
    call(f"GET {REPO}/commits/{head}/statuses")
    call(f"GET {REPO}/commits/{head}/status")
    order = {
        "ref": head,
        "environment": "production",
        "auto_merge": False,
        "required_contexts": [],
        "payload": {"n": 1},
    }
    deployment = f"{REPO}/deployments/" + str(call(f"POST {REPO}/deployments", order, status=201)["id"])
    call(f"GET {REPO}/deployments?environment=production&sha={head}")
    call(f"GET {deployment}")
    call(
        f"POST {deployment}/statuses", {"state": "in_progress", "description": "d", "log_url": "http://x/1"}, status=201
    )
    call(f"GET {deployment}/statuses")
    call(f"PUT {one}/merge", {"sha": head})
    call(f"GET {one}/merge", status=204)
    call("GET /user")
    call("GET /rate_limit")
    as_app("GET /app")
    installation = as_app(f"GET {REPO}/installation")["id"]
    token = as_app(f"POST /app/installations/{installation}/access_tokens", status=201)["token"]
    installed = CheckedClient(github, token)
    installed("GET /installation/repositories")
    seen = {name for name, status in call.seen | as_app.seen | installed.seen if status < 300}
    installed.close()
    assert seen == set(published()["rest"])


def _plant(path: str, value: Any) -> Any:
    def mutate(body: dict[str, Any]) -> None:
        *folders, last = path.split(".")
        for name in folders:
            body = body[name]
        if value is KeyError:
            del body[last]
        else:
            body[last] = value

    return mutate


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("head.sha", KeyError),
        ("base.repo.owner", None),
        ("state", "opened"),
        ("number", "12"),
        ("created_at", "yesterday"),
        ("_links.self", KeyError),
        ("merged_by", 7),
    ],
)
def test_a_planted_mistake_is_found(call: CheckedClient, path: str, value: Any) -> None:
    body = call(f"GET {REPO}/pulls/1")
    wrong = copy.deepcopy(body)
    _plant(path, value)(wrong)
    operation = "GET /repos/{owner}/{repo}/pulls/{pull_number}"
    assert answer_problems(operation, 200, body) == []
    assert len(answer_problems(operation, 200, wrong)) == 1
    assert answer_problems(operation, 418, body) == [f"{operation} does not publish status 418"]


def test_who_is_not_let_in(github: GitHubStandIn, web: RepositoryStandIn) -> None:
    def get(path: str, token: str = "") -> tuple[int, str]:
        headers = {"Authorization": f"token {token}"} if token else {}
        answer = httpx.get(github.url + path, headers=headers)
        assert answer.json()["documentation_url"]
        return answer.status_code, answer.json()["message"]

    assert get(REPO, "ghp_wrong") == (401, "Bad credentials")
    assert get(REPO) == (404, "Not Found")
    assert get("/user") == (401, "Requires authentication")
    assert get(REPO, github.token("mallory")) == (404, "Not Found")
    assert get("/repos/acme/nothing", github.token("alice")) == (404, "Not Found")
    assert get("/nothing/at/all", github.token("alice")) == (404, "Not Found")
    web.allow("mallory", "read")
    assert (
        httpx.post(
            github.url + REPO + "/git/refs", headers={"Authorization": f"token {github.token('mallory')}"}, json={}
        ).status_code
        == 403
    )


def test_an_app_may_only_do_what_it_was_given(github: GitHubStandIn, web: RepositoryStandIn) -> None:
    app = github.app()
    app.permissions["deployments"] = "read"
    call = CheckedClient(github, github.hub.add_token(app.bot, "ghs", app).value)
    got = call._client.post(f"{REPO}/deployments", json={"ref": "master"})  # noqa: SLF001  # not a published status
    assert (got.status_code, got.json()["message"]) == (403, "Resource not accessible by integration")
    call(f"GET {REPO}/deployments")
    call.close()


def test_creating_a_pull_request_is_refused_in_github_words(web: RepositoryStandIn, call: CheckedClient) -> None:
    def refused(**change: str) -> str:
        order = {"title": "T", "head": "master", "base": "deployment/production", **change}
        error = call(f"POST {REPO}/pulls", order, status=422)["errors"][0]
        return str(error.get("message", f"{error.get('field')} {error['code']}"))

    assert refused(head="nowhere") == "head invalid"
    assert refused(base="nowhere") == "base invalid"
    assert refused(title="") == "title missing_field"
    assert refused(head="deployment/production", base="master") == "No commits between master and deployment/production"
    call(f"POST {REPO}/pulls", {"title": "T", "head": "acme:master", "base": "deployment/production"}, status=201)
    assert refused() == "A pull request already exists for acme:master."
    assert refused(head="feature-3", base="deployment/production", body="x" * 65_537).startswith("body is too long")


def test_lists_filter_sort_and_page(github: GitHubStandIn, web: RepositoryStandIn, call: CheckedClient) -> None:
    web.open_pull_request("Deploy", by="alice", head="master", base="deployment/production")

    def numbers(query: str) -> list[int]:
        return [pull["number"] for pull in call(f"GET {REPO}/pulls?{query}")]

    assert numbers("head=acme:master&base=deployment/production") == [4]
    assert numbers("head=other:master") == []
    assert numbers("state=closed&head=nothing-of-the-kind") == [3, 2, 1]  # a bare branch name is ignored
    assert numbers("state=all&per_page=2&direction=asc") == [1, 2]
    response, _ = call.response(f"GET {REPO}/pulls?state=all&per_page=2&page=1")
    last = f"<{github.url}{REPO}/pulls?state=all&per_page=2&page=2>"
    assert response.headers["link"] == f'{last}; rel="next", {last}; rel="last"'
    assert response.headers["x-ratelimit-limit"] == "5000"


def test_compare_pages_and_counts_both_ways(web: RepositoryStandIn, call: CheckedClient) -> None:
    web.commit("deployment/production", {"hot.txt": "fix\n"}, "Hotfix")
    whole = call(f"GET {REPO}/compare/deployment/production...acme:master")
    assert (whole["status"], whole["ahead_by"], whole["behind_by"], whole["total_commits"]) == ("diverged", 6, 1, 6)
    pages = [call(f"GET {REPO}/compare/deployment/production...master?per_page=4&page={page}") for page in (1, 2)]
    assert [commit["sha"] for page in pages for commit in page["commits"]] == [one["sha"] for one in whole["commits"]]
    assert [len(page["files"]) for page in pages] == [6, 0]
    assert whole["files"][0] | {"patch": "@@ -0,0 +1 @@\n+1", "status": "added"} == whole["files"][0]
    assert call(f"GET {REPO}/compare/master...master")["status"] == "identical"
    call(f"GET {REPO}/compare/master...nowhere", status=404)


def test_merging_is_refused_as_github_does(web: RepositoryStandIn, call: CheckedClient) -> None:
    web.open_pull_request("One", {"app.py": "print(2)\n"}, by="alice", head="one")
    web.open_pull_request("Two", {"app.py": "print(3)\n"}, by="bob", head="two")
    assert call(f"GET {REPO}/pulls/5")["mergeable"] is True
    stale = call(f"PUT {REPO}/pulls/4/merge", {"sha": web.head("master")}, status=409)
    assert stale["message"] == "Head branch was modified. Review and try the merge again."
    call(f"PUT {REPO}/pulls/4/merge", {"sha": web.head("one"), "merge_method": "squash"})
    assert call(f"GET {REPO}/pulls/5")["mergeable_state"] == "dirty"
    assert call(f"PUT {REPO}/pulls/5/merge", status=405)["message"] == "Pull Request is not mergeable"
    web.state.methods = {"squash"}
    web.open_pull_request("Three", {"b": "1"}, by="alice", head="three")
    refused = call(f"PUT {REPO}/pulls/6/merge", status=405)
    assert refused["message"] == "Merge commits are not allowed on this repository."
    web.protect("master", "tengu/verified/web/production")
    pending = call(f"PUT {REPO}/pulls/6/merge", {"merge_method": "squash"}, status=405)
    assert pending["message"] == 'Required status check "tengu/verified/web/production" is expected.'


def test_a_deployment_needs_its_two_switches_off(web: RepositoryStandIn, call: CheckedClient) -> None:
    head, old = web.head("master"), "deployment/production"
    assert "Auto-merged" in call(f"POST {REPO}/deployments", {"ref": old}, status=202)["message"]
    call(f"POST {REPO}/statuses/{head}", {"state": "pending", "context": "ci"}, status=201)
    conflict = call(f"POST {REPO}/deployments", {"ref": head, "auto_merge": False}, status=409)
    assert conflict["message"].startswith("Conflict: Commit status checks failed")
    order = {"ref": head, "auto_merge": False, "required_contexts": [], "environment": "dev"}
    first, second = (call(f"POST {REPO}/deployments", order, status=201)["id"] for _ in range(2))
    for number in (first, second):
        call(f"POST {REPO}/deployments/{number}/statuses", {"state": "success"}, status=201)
    states = [one["state"] for one in call(f"GET {REPO}/deployments/{first}/statuses")]
    assert states == ["inactive", "success"]
    call(f"POST {REPO}/deployments/{first}/statuses", {"state": "success", "description": "x" * 141}, status=422)


def test_an_open_pull_request_shows_a_test_merge_and_a_merged_one_the_real(
    web: RepositoryStandIn, call: CheckedClient
) -> None:
    web.open_pull_request("Deploy", by="alice", head="master", base="deployment/production")
    tried = call(f"GET {REPO}/pulls/4")
    assert tried["merge_commit_sha"] == web.state.refs.get("refs/pull/4/merge") != web.head("master")
    assert not web.state.history.contains(web.head("deployment/production"), tried["merge_commit_sha"])
    merged = web.merge(4, by="bob")
    assert call(f"GET {REPO}/pulls/4")["merge_commit_sha"] == merged == web.head("deployment/production")


@pytest.mark.parametrize("prefix", ["", "/api/v3"])
def test_pygithub_speaks_with_it(github: GitHubStandIn, web: RepositoryStandIn, prefix: str) -> None:
    app = github.app()
    quick: dict[str, Any] = {"seconds_between_requests": 0, "seconds_between_writes": 0}
    auth = pygithub.Auth.AppAuth(app.id, app.private_key)
    with pygithub.GithubIntegration(auth=auth, base_url=github.url + prefix, **quick) as integration:
        client = integration.get_github_for_installation(integration.get_repo_installation("acme", "web").id)
    repository = client.get_repo("acme/web")
    assert repository.url == f"{github.url}{prefix}{REPO}"
    comparison = repository.compare("deployment/production", "master", comparison_commits_per_page=2)
    assert len(list(comparison.commits)) == comparison.total_commits == 6
    pull = repository.create_pull(title="D", body=BOXES, head="master", base="deployment/production")
    assert (pull.user.login, pull.user.type, pull.mergeable) == ("tengu[bot]", "Bot", True)
    pull.edit(body=BOXES + "\nmore")
    assert repository.get_pull(4).body.endswith("more")
    assert repository.get_collaborator_permission("bob") == "write"
    assert repository.get_git_ref("heads/deployment/production").object.sha == web.head("deployment/production")
    assert repository.get_branch("deployment/production").commit.sha == web.head("deployment/production")
    repository.create_git_ref("refs/heads/deployment/dev", web.head("master"))
    assert [one.number for one in repository.get_commit(web.head("master")).get_pulls()] == [3]
    deployment = repository.create_deployment(
        web.head("master"), auto_merge=False, required_contexts=[], environment="production", payload={"key": "7"}
    )
    deployment.create_status("success", description="done", environment_url="http://example.com")
    assert [one.payload for one in repository.get_deployments(sha=web.head("master"))] == [{"key": "7"}]
    assert pull.merge(sha=pull.head.sha, merge_method="merge").merged
    assert client.get_user("alice").email == "alice@example.com"
    with pytest.raises(pygithub.UnknownObjectException):
        repository.get_pull(99)
    client.close()


def test_nothing_is_left_of_a_spent_limit(github: GitHubStandIn, web: RepositoryStandIn) -> None:
    github.hub.rate_limit = 1
    headers = {"Authorization": f"token {github.token('alice')}"}
    answers = [httpx.get(github.url + REPO, headers=headers) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 403]
    assert answers[1].json()["message"].startswith("API rate limit exceeded")

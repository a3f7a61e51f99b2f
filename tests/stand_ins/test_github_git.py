"""The GitHub stand-in's repositories are real: git itself clones, fetches, pushes and checks them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tengu.sandbox.github import GitHubStandIn
from tengu.sandbox.github.objects import git_environment
from tengu.sandbox.github.repo import RepositoryStandIn


@pytest.fixture
def github(tmp_path: Path) -> Iterator[GitHubStandIn]:
    with GitHubStandIn(tmp_path / "github") as running:
        running.account("alice", email="alice@example.com")
        running.account("eve")
        yield running


@pytest.fixture
def web(github: GitHubStandIn) -> RepositoryStandIn:
    made = github.repository(
        "acme/web", {"bin/run": "#!/bin/sh\n", "app.py": "1\n", "dir.x/f": "", "dir/é": "e"}, by="alice"
    )
    made.branch("deployment/production")
    made.open_pull_request("One", {"app.py": "2\n", "dir/é": None}, by="alice")
    made.merge(1, by="alice")
    made.allow("eve", "none")
    return made


class Git:
    """git on this machine, as one of the accounts."""

    def __init__(self, folder: Path, web: RepositoryStandIn, token: str) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        self.url = web.clone_url.replace("http://", f"http://x-access-token:{token}@") if token else web.clone_url
        self.run("init", "-q", "-b", "master")

    def run(self, *arguments: str, ok: bool = True) -> str:
        """Run it; answers with what it said."""
        who = ("-c", "user.name=Alice", "-c", "user.email=alice@example.com")
        done = subprocess.run(
            ["git", *who, *arguments],
            cwd=self.folder,
            env=git_environment(self.folder),
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert (done.returncode == 0) is ok, done.stderr
        return done.stdout + done.stderr


@pytest.fixture
def git(tmp_path: Path, github: GitHubStandIn, web: RepositoryStandIn) -> Git:
    return Git(tmp_path / "work", web, github.token("alice"))


def test_git_finds_nothing_wrong(web: RepositoryStandIn) -> None:
    for number, method in ((2, "squash"), (3, "rebase")):
        web.open_pull_request(f"More {number}", {f"a/b/{number}": "x", "app.py": f"{number}\n"}, by="alice", commits=2)
        web.merge(number, by="alice", method=method)  # type: ignore[arg-type]
    assert web.state.store.git("fsck", "--strict", "--full", "--no-dangling") == b""
    listed = web.state.store.git("ls-tree", "-r", "master").decode()
    assert "100755 blob" in listed.splitlines()[-2]
    assert web.files("master")["app.py"] == "3\n"


def test_one_commit_is_fetched_at_depth_one(git: Git, web: RepositoryStandIn) -> None:
    first = web.state.history.log(web.head("master"))[-1].sha
    git.run("fetch", "-q", "--depth", "1", git.url, first)
    git.run("checkout", "-q", "FETCH_HEAD")
    assert (git.folder / "app.py").read_text() == "1\n"
    assert git.run("rev-list", "--count", "HEAD").strip() == "1"
    assert git.run("ls-remote", git.url, "refs/pull/1/head").split()[0] == web.pull_request(1).head_sha


def test_a_push_is_seen_by_everything(git: Git, github: GitHubStandIn, web: RepositoryStandIn) -> None:
    github.send_webhooks("http://127.0.0.1:9/", "s")
    git.run("pull", "-q", git.url, "master")
    git.run("checkout", "-q", "-b", "topic")
    (git.folder / "new").write_text("1\n")
    git.run("add", ".")
    git.run("commit", "-q", "-m", "Add it")
    git.run("push", "-q", git.url, "topic")
    pull = web.open_pull_request("Topic", by="alice", head="topic")
    git.run("commit", "-q", "--amend", "-m", "Add it better")
    git.run("push", "-q", "--force", git.url, "topic")
    assert pull.head_sha == web.head("topic") == git.run("rev-parse", "HEAD").strip()
    assert github.webhooks.last("pull_request", "synchronize").payload["after"] == pull.head_sha
    assert github.webhooks.last("push").payload["forced"] is True
    git.run("checkout", "-q", "master")
    git.run("merge", "-q", "--no-ff", "topic", "-m", "Merged by hand")
    git.run("push", "-q", git.url, "master")
    assert pull.merge_commit == web.head("master") == git.run("rev-parse", "HEAD").strip()
    assert github.webhooks.last("pull_request", "closed").payload["pull_request"]["merged"] is True
    assert "cannot lock ref" in git.run("push", git.url, "master:refs/heads/deployment", ok=False)


def test_who_may_not(tmp_path: Path, github: GitHubStandIn, web: RepositoryStandIn) -> None:
    for number, (token, said) in enumerate(
        [("", "could not read Username"), ("ghp_wrong", "Authentication failed"), (github.token("eve"), "not found")]
    ):
        git = Git(tmp_path / str(number), web, token)
        assert said in git.run("fetch", git.url, "master", ok=False)
    web.allow("eve", "read")
    git = Git(tmp_path / "reader", web, github.token("eve"))
    git.run("pull", "-q", git.url, "master")
    assert "403" in git.run("push", git.url, "master:other", ok=False)
    web.state.private = False
    Git(tmp_path / "anybody", web, "").run("fetch", "-q", web.clone_url, "master")


def test_two_edits_of_one_file_are_merged_by_git(web: RepositoryStandIn) -> None:
    lines = [f"line {number}\n" for number in range(20)]
    web.commit("master", {"long.txt": "".join(lines)}, "Long")
    web.open_pull_request("Top", {"long.txt": "".join(["top\n", *lines[1:]])}, by="alice", head="top")
    web.open_pull_request("Bottom", {"long.txt": "".join([*lines[:-1], "bottom\n"])}, by="alice", head="bottom")
    web.merge(2, by="alice", method="squash")
    web.merge(3, by="alice", method="rebase")
    assert web.files("master")["long.txt"] == "".join(["top\n", *lines[1:-1], "bottom\n"])

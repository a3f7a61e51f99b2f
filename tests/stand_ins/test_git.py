"""GitSourceControl against real git over HTTP."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tengu.adapters.git import GitSourceControl
from tengu.adapters.process import TimedOutError, environment, exclusive, run
from tengu.errors import LeaseLost, ServiceError
from tengu.ports.code_host import CloneAccess
from tengu.secret import Secret
from tests.stand_ins.git_server import GitServer, git


@dataclass
class Origin:
    """A repository with two commits, served."""

    server: GitServer
    access: CloneAccess
    first: str
    second: str


@pytest.fixture
def origin(tmp_path: Path) -> Iterator[Origin]:
    work = tmp_path / "work"
    work.mkdir()
    git(work, "init", "--quiet", "--initial-branch=master")
    (work / "page.txt").write_text("one\n")
    (work / "run").write_text("#!/bin/sh\n")
    (work / "run").chmod(0o755)
    git(work, "add", ".")
    git(work, "commit", "--quiet", "-m", "First")
    first = git(work, "rev-parse", "HEAD")
    (work / "page.txt").write_text("two\n")
    git(work, "commit", "--quiet", "-am", "Second")
    git(work, "clone", "--quiet", "--bare", ".", str(tmp_path / "srv" / "web.git"))
    server = GitServer(tmp_path / "srv")
    access = CloneAccess(f"{server.url}/web.git", Secret("ghs_topsecret"))
    yield Origin(server, access, first, git(work, "rev-parse", "HEAD"))
    server.close()


def test_exactly_that_commit_without_git_inside(origin: Origin, tmp_path: Path) -> None:
    folder = tmp_path / "deployment" / "tree"
    checkout = GitSourceControl().checkout(origin.access, origin.first, folder, threading.Event())

    assert (checkout.path, checkout.commit) == (folder, origin.first)
    assert len(checkout.tree) == 40
    assert checkout.committed_at == datetime(2026, 11, 20, 1, 0, tzinfo=UTC)
    assert sorted(path.name for path in folder.iterdir()) == ["page.txt", "run"]
    assert (folder / "page.txt").read_text() == "one\n"
    assert (folder / "run").stat().st_mode & 0o777 == 0o755
    assert not list(folder.parent.rglob("*.git"))
    login = base64.b64encode(b"x-access-token:ghs_topsecret").decode()
    assert set(origin.server.authorizations) == {f"Basic {login}"}
    kept = "".join(path.read_text() for path in folder.parent.rglob("*") if path.is_file())
    assert "ghs_topsecret" not in kept
    assert login not in kept


def test_a_complete_folder_is_kept_and_an_incomplete_one_done_again(origin: Origin, tmp_path: Path) -> None:
    folder = tmp_path / "deployment" / "tree"
    source = GitSourceControl()
    source.checkout(origin.access, origin.first, folder, threading.Event())
    requests = len(origin.server.authorizations)
    source.checkout(origin.access, origin.first, folder, threading.Event())
    assert len(origin.server.authorizations) == requests

    (folder.parent / "tree.json").unlink()
    (folder / "left-behind").touch()
    source.checkout(origin.access, origin.first, folder, threading.Event())
    assert not (folder / "left-behind").exists()

    source.checkout(origin.access, origin.second, folder, threading.Event())
    assert (folder / "page.txt").read_text() == "two\n"


def test_the_machine_s_own_git_configuration_is_not_used(
    origin: Origin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    (hooks / "post-checkout").write_text(f"#!/bin/sh\ntouch {tmp_path}/hooked\n")
    (hooks / "post-checkout").chmod(0o755)
    (tmp_path / ".gitconfig").write_text(f"[core]\n\thooksPath = {hooks}\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_DIR", "/nowhere")

    GitSourceControl().checkout(origin.access, origin.first, tmp_path / "d" / "tree", threading.Event())

    assert not (tmp_path / "hooked").exists()


def test_an_outage_is_tried_again(origin: Origin, tmp_path: Path) -> None:
    origin.server.fail_next = 2
    GitSourceControl(pause=0.01).checkout(origin.access, origin.first, tmp_path / "d" / "tree", threading.Event())


def test_what_cannot_be_had_is_said(origin: Origin, tmp_path: Path) -> None:
    def failure(url: str, commit: str) -> ServiceError:
        access = CloneAccess(url, Secret("ghs_topsecret"))
        with pytest.raises(ServiceError) as caught:
            GitSourceControl(pause=0.01).checkout(access, commit, tmp_path / "d" / "tree", threading.Event())
        assert "ghs_topsecret" not in str(caught.value)
        return caught.value

    assert "force-pushed" in failure(origin.access.url, "0" * 40).advice
    assert "repository:" in failure(f"{origin.server.url}/other.git", origin.first).advice
    assert "not a full commit id" in failure(origin.access.url, "--upload-pack=touch").detail
    for address in ("file:///etc", "ext::sh -c id", "ssh://git@host/x", "http://user:pw@127.0.0.1/x"):
        assert "not a plain http" in failure(address, origin.first).detail
    assert failure("http://127.0.0.1:1/web.git", origin.first).transient


def test_stop_ends_it(origin: Origin, tmp_path: Path) -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(LeaseLost):
        GitSourceControl().checkout(origin.access, origin.first, tmp_path / "d" / "tree", stop)


def test_a_symbolic_link_is_laid_out_as_a_link(origin: Origin, tmp_path: Path) -> None:
    work = tmp_path / "work"
    (work / "escape").symlink_to("/etc/passwd")
    git(work, "add", ".")
    git(work, "commit", "--quiet", "-m", "Link")
    git(work, "push", "--quiet", str(tmp_path / "srv" / "web.git"), "master")
    folder = tmp_path / "d" / "tree"
    GitSourceControl().checkout(origin.access, git(work, "rev-parse", "HEAD"), folder, threading.Event())
    assert (folder / "escape").is_symlink()


# --- children -------------------------------------------------------------------------------------------------


def test_a_child_sees_only_the_named_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "secret")
    done = run(["env"], env=environment(EXTRA="1"), timeout=10, stop=threading.Event())
    names = {line.split("=")[0] for line in done.lines}
    assert "EXTRA" in names
    assert "GITHUB_TOKEN" not in names


def test_lines_come_while_it_runs_and_are_plain() -> None:
    stop = threading.Event()
    lines: list[str] = []

    def log(line: str) -> None:
        lines.append(line)
        stop.set()

    with pytest.raises(LeaseLost):
        run(
            ["sh", "-c", r"printf '\033[31mred\033[0m\n'; exec sleep 60"],
            env=environment(),
            timeout=30,
            stop=stop,
            log=log,
        )
    assert lines == ["red"]


def test_time_out_kills_what_it_started_too(tmp_path: Path) -> None:
    script = f"(trap '' TERM HUP; sleep 0.5; touch {tmp_path}/survived) & echo started; wait"
    with pytest.raises(TimedOutError) as caught:
        run(["sh", "-c", script], env=environment(), timeout=0.1, stop=threading.Event())
    assert caught.value.lines == ("started",)
    with exclusive(tmp_path, threading.Event()):
        assert threading.Event().wait(0.6) is False
    assert not (tmp_path / "survived").exists()


def test_a_missing_program_is_a_failure_not_a_crash() -> None:
    done = run(["no-such-program"], env=environment(), timeout=10, stop=threading.Event())
    assert done.returncode == 127
    assert "No such file" in done.lines[-1]


@pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG is Linux's")
def test_a_killed_parent_takes_its_child_along(tmp_path: Path) -> None:
    program = (
        "import threading; from tengu.adapters.process import *\n"
        "run(['sh', '-c', 'echo $$; exec sleep 60'], env=environment(), timeout=60, stop=threading.Event(),"
        " log=lambda line: print(line, flush=True))"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.kill()
    parent.communicate(timeout=10)
    deadline = 100
    while _runs(child) and (deadline := deadline - 1):
        threading.Event().wait(0.02)
    assert not _runs(child)


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_an_orphan_keeps_the_folder_locked(tmp_path: Path) -> None:
    script = "(sleep 0.4) & exit 0"
    with exclusive(tmp_path, threading.Event()) as lock:
        orphan = subprocess.Popen(["sleep", "0.4"], pass_fds=(lock,), start_new_session=True)
        run(["sh", "-c", script], env=environment(), timeout=5, stop=threading.Event(), lock=lock)
    with pytest.raises(ServiceError, match="still works in"), exclusive(tmp_path, threading.Event(), wait=0):
        pass
    with exclusive(tmp_path, threading.Event(), wait=5):
        assert orphan.wait(timeout=0.1) == 0
    assert os.listdir(tmp_path) == [".busy"]  # noqa: PTH208

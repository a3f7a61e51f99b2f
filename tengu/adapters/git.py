"""git: one commit, laid out clean.

The git directory lives beside the work tree, never in it, so that no build context can hold it. git sees none of
the machine's own configuration, asks nothing, runs no hook, and speaks http and https alone
(git-config(1) `protocol.allow`, git(1) `GIT_ALLOW_PROTOCOL`). Submodules are not fetched.
"""

from __future__ import annotations

import base64
import json
import re
import shutil
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from tengu.adapters.process import Finished, TimedOutError, environment, exclusive, run
from tengu.errors import LeaseLost, ServiceError
from tengu.ports.code_host import CloneAccess
from tengu.ports.image import Checkout

_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_TRIES = 3
_TRANSIENT = (
    r"Could not resolve|Failed to connect|Connection (refused|reset|timed out)|timed out|early EOF|hung up|"
    r"returned error: (429|5\d\d)|RPC failed|Operation too slow"
)
_ADVICE = (
    (r"not our ref|couldn't find remote ref|unadvertised object",
     "The repository no longer has this commit; was the branch force-pushed?", False),
    (r"Authentication failed|could not read (Username|Password)|The requested URL returned error: 40[13]",
     "Check that the GitHub App is installed on this repository with `contents: read`.", False),
    (r"not found|returned error: 404",
     "Check `repository:` in tengu.yml and that the GitHub App may see it.", False),
    (r"No space left on device", "Free disk space on this machine.", False),
    (_TRANSIENT, "", True),
)  # fmt: skip


@dataclass(frozen=True)
class _Repository:
    """One git directory, its work tree, and how its commands run."""

    git_dir: Path
    work_tree: Path
    env: dict[str, str] = field(repr=False)  # holds the token
    stop: threading.Event
    lock: int
    timeout: float

    def git(self, *arguments: str, action: str) -> Finished:
        command = ("git", f"--git-dir={self.git_dir}", f"--work-tree={self.work_tree}", *arguments)
        try:
            done = run(command, env=self.env, timeout=self.timeout, stop=self.stop, lock=self.lock)
        except TimedOutError as error:
            detail = f"it took longer than {self.timeout:.0f} s."
            raise ServiceError("git", action, detail, transient=True) from error
        if done.returncode:
            raise _error(action, done.lines)
        return done


class GitSourceControl:
    """The SourceControl port on the git command (2.32 or newer).

    Args:
        timeout: seconds that one git command may take.
        pause: seconds before the second try of a fetch; the third waits three times as long.
    """

    def __init__(self, timeout: float = 600, pause: float = 1.0) -> None:
        self._timeout = timeout
        self._pause = pause

    def checkout(self, access: CloneAccess, commit: str, folder: Path, stop: threading.Event) -> Checkout:
        """Fetch that one commit at depth 1 and lay its tree into `folder`, replacing what is there.

        A folder that holds this commit completely (a note beside it says so) is left as it is. Raises
        ServiceError("git", …).
        """
        _validate(access.url, commit)
        with exclusive(folder.parent, stop) as lock:
            found = _complete(folder, commit)
            if found is not None:
                return found
            git_dir = folder.with_name(f"{folder.name}.git")
            unfinished = folder.with_name(f"{folder.name}.unfinished")
            _remove(_note(folder), folder, git_dir, unfinished)
            unfinished.mkdir()
            env = _environment(access, folder.parent)
            repository = _Repository(git_dir, unfinished, env, stop, lock, self._timeout)
            try:
                tree, committed_at = self._lay_out(repository, access.url, commit)
            finally:
                _remove(git_dir)
            unfinished.rename(folder)
            return _remember(Checkout(folder, commit, tree, committed_at))

    def _lay_out(self, repository: _Repository, url: str, commit: str) -> tuple[str, datetime]:
        repository.git("init", "--quiet", "--template=", action="init")
        self._fetch(repository, url, commit)
        shown = repository.git("show", "--no-patch", "--format=tengu %T %ct", commit, action="show").lines
        facts = next(line.split() for line in shown if line.startswith("tengu "))
        repository.git("checkout", "--quiet", "--force", "--detach", commit, action="checkout")
        return facts[1], datetime.fromtimestamp(int(facts[2]), UTC)

    def _fetch(self, repository: _Repository, url: str, commit: str) -> None:
        options = (
            "--depth=1",
            "--no-tags",
            "--no-write-fetch-head",
            "--no-recurse-submodules",
            "--no-auto-gc",
            "--quiet",
        )
        for attempt in range(1, _TRIES + 1):
            try:
                repository.git("fetch", *options, "--", url, commit, action="fetch")
                return
            except ServiceError as error:
                if not error.transient or attempt == _TRIES:
                    raise
            if repository.stop.wait(self._pause * (1, 3)[attempt - 1]):
                raise LeaseLost("stopped while waiting to fetch again")


def _validate(url: str, commit: str) -> None:
    if not _COMMIT.fullmatch(commit):
        raise ServiceError("git", "fetch", f"`{commit}` is not a full commit id.")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.password:
        raise ServiceError("git", "fetch", "the clone address is not a plain http or https address.")


def _environment(access: CloneAccess, home: Path) -> dict[str, str]:
    parts = urlsplit(access.url)
    config = [
        ("protocol.allow", "never"), ("protocol.http.allow", "always"), ("protocol.https.allow", "always"),
        ("core.hooksPath", "/dev/null"), ("core.fsmonitor", "false"), ("core.autocrlf", "false"),
        ("credential.helper", ""), ("advice.detachedHead", "false"), ("submodule.recurse", "false"),
        ("http.lowSpeedLimit", "1000"), ("http.lowSpeedTime", "60"),
    ]  # fmt: skip
    if access.token is not None:
        login = base64.b64encode(f"x-access-token:{access.token.reveal()}".encode()).decode()
        config.append((f"http.{parts.scheme}://{parts.netloc}/.extraheader", f"Authorization: Basic {login}"))
    variables = {"GIT_CONFIG_COUNT": str(len(config))}
    for index, (key, value) in enumerate(config):
        variables |= {f"GIT_CONFIG_KEY_{index}": key, f"GIT_CONFIG_VALUE_{index}": value}
    return environment(
        HOME=str(home),
        XDG_CONFIG_HOME=str(home),
        GIT_CONFIG_NOSYSTEM="1",
        GIT_CONFIG_GLOBAL="/dev/null",
        GIT_ATTR_NOSYSTEM="1",
        GIT_TERMINAL_PROMPT="0",
        GIT_ASKPASS="true",
        GIT_ALLOW_PROTOCOL="http:https",
        **variables,
    )


def _error(action: str, lines: Sequence[str]) -> ServiceError:
    said = [line for line in lines if line.startswith(("fatal:", "error:", "remote:"))] or list(lines[-3:])
    detail = " / ".join(said[-3:]) or "it said nothing."
    for pattern, advice, transient in _ADVICE:
        if re.search(pattern, detail, re.IGNORECASE):
            return ServiceError("git", action, detail, advice=advice, transient=transient)
    return ServiceError("git", action, detail)


# --- which folder is complete ---------------------------------------------------------------------------------


def _note(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.json")


def _remember(checkout: Checkout) -> Checkout:
    """Written last: a folder without its note is not complete."""
    facts = {**asdict(checkout), "path": "", "committed_at": checkout.committed_at.isoformat()}
    temporary = checkout.path.with_name(f"{checkout.path.name}.json.new")
    temporary.write_text(json.dumps(facts))
    temporary.replace(_note(checkout.path))
    return checkout


def _complete(folder: Path, commit: str) -> Checkout | None:
    if not folder.is_dir() or not _note(folder).is_file():
        return None
    facts = json.loads(_note(folder).read_text())
    if facts["commit"] != commit:
        return None
    return Checkout(folder, commit, facts["tree"], datetime.fromisoformat(facts["committed_at"]))


def _remove(*paths: Path) -> None:
    for path in paths:
        if path.is_symlink() or path.is_file():
            path.unlink()
        elif path.exists():
            shutil.rmtree(path)

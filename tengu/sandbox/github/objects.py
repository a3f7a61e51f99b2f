"""A real bare git repository, written and read in this process.

Objects are stored loose, refs as files, exactly as git does (gitformat-loose, gitrepository-layout), so git's own
commands and `git http-backend` work on the folder at any time. Written here and not through git because a story
makes hundreds of objects, and each git process costs milliseconds.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha1
from pathlib import Path

GIT_TIMEOUT = 60
CONFIG = """
[http]
\treceivepack = true
[uploadpack]
\tallowAnySHA1InWant = true
\tallowFilter = true
[receive]
\tunpackLimit = 100000000
\tautogc = false
[gc]
\tauto = 0
[maintenance]
\tauto = false
"""


@dataclass(frozen=True)
class Signature:
    """Who made a commit, and when (git keeps whole seconds)."""

    name: str
    email: str
    at: datetime

    def line(self) -> str:
        """As it stands in a commit object. Names may not carry git's own delimiters."""
        name = self.name.translate(str.maketrans("", "", "<>\n"))
        return f"{name} <{self.email}> {int(self.at.timestamp())} +0000"

    @classmethod
    def parse(cls, line: str) -> Signature:
        """Read it from a commit object's header value."""
        name, _, rest = line.partition(" <")
        email, _, when = rest.partition("> ")
        return cls(name, email, datetime.fromtimestamp(int(when.split()[0]), UTC))


@dataclass(frozen=True)
class CommitObject:
    """One commit."""

    sha: str
    tree: str
    parents: tuple[str, ...]
    author: Signature
    committer: Signature
    message: str

    @property
    def title(self) -> str:
        """First line of the message."""
        return self.message.partition("\n")[0]


@dataclass(frozen=True)
class Entry:
    """One name in a tree: `40000` is a folder, `100644` and `100755` are files."""

    mode: str
    sha: str

    @property
    def is_folder(self) -> bool:
        """True for a subtree."""
        return self.mode == "40000"


class UnknownObject(KeyError):
    """The repository has no such object."""


def git_environment(home: Path) -> dict[str, str]:
    """Environment in which git sees nobody's configuration."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(home),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
        "LC_ALL": "C",
    }


class GitStore:
    """One bare repository.

    Args:
        path: its folder, `….git`; made if it is not there.
        default_branch: what HEAD points at in a new one.
    """

    def __init__(self, path: Path, default_branch: str) -> None:
        self.path = path
        self._commits: dict[str, CommitObject] = {}
        self._known: set[str] = set()
        self.tree = lru_cache(maxsize=20_000)(self._read_tree)
        if not path.exists():
            _lay_out(path, default_branch)

    def git(self, *arguments: str, text: bytes = b"", check: bool = True) -> bytes:
        """Run git on this repository; answers with what it printed."""
        done = subprocess.run(
            ["git", f"--git-dir={self.path}", *arguments],
            input=text,
            capture_output=True,
            timeout=GIT_TIMEOUT,
            check=False,
            env=git_environment(self.path.parent),
        )
        if check and done.returncode != 0:
            raise RuntimeError(f"git {arguments[0]} failed: {done.stderr.decode(errors='replace').strip()}")
        return done.stdout

    def write(self, kind: str, content: bytes) -> str:
        """Store an object; answers with its sha."""
        raw = f"{kind} {len(content)}\0".encode() + content
        sha = sha1(raw, usedforsecurity=False).hexdigest()
        target = self.path / "objects" / sha[:2] / sha[2:]
        if sha not in self._known and not target.exists():
            target.parent.mkdir(exist_ok=True)
            handle, name = tempfile.mkstemp(dir=target.parent)
            with os.fdopen(handle, "wb") as file:
                file.write(zlib.compress(raw, 1))
            Path(name).replace(target)
        self._known.add(sha)
        return sha

    def read(self, sha: str, kind: str) -> bytes:
        """Content of an object. Raises `UnknownObject` if there is none of that kind."""
        try:
            raw = zlib.decompress((self.path / "objects" / sha[:2] / sha[2:]).read_bytes())
        except OSError:
            return self._read_packed(sha, kind)
        header, _, content = raw.partition(b"\0")
        if header.split()[0] != kind.encode():
            raise UnknownObject(sha)
        return content

    def _read_packed(self, sha: str, kind: str) -> bytes:
        if self.git("cat-file", "-t", sha, check=False).strip().decode() != kind:
            raise UnknownObject(sha)
        return self.git("cat-file", kind, sha)

    def has_commit(self, sha: str) -> bool:
        """True if there is such a commit."""
        try:
            self.commit(sha)
        except UnknownObject:
            return False
        return True

    def commit(self, sha: str) -> CommitObject:
        """One commit. Raises `UnknownObject`."""
        if sha not in self._commits:
            self._commits[sha] = _parse_commit(sha, self.read(sha, "commit").decode("utf-8", "replace"))
        return self._commits[sha]

    def write_commit(
        self, tree: str, parents: tuple[str, ...], author: Signature, committer: Signature, message: str
    ) -> str:
        """Store a commit; answers with its sha."""
        lines = [f"tree {tree}", *(f"parent {parent}" for parent in parents)]
        lines += [f"author {author.line()}", f"committer {committer.line()}", "", message.rstrip("\n") + "\n"]
        return self.write("commit", "\n".join(lines).encode())

    def _read_tree(self, sha: str) -> Mapping[str, Entry]:
        content, entries, at = self.read(sha, "tree"), {}, 0
        while at < len(content):
            end = content.index(b"\0", at)
            mode, _, name = content[at:end].partition(b" ")
            at = end + 21
            entries[name.decode("utf-8", "replace")] = Entry(mode.decode(), content[end + 1 : at].hex())
        return entries

    def write_tree(self, entries: Mapping[str, Entry]) -> str:
        """Store a tree; git sorts folders as if their names ended in a slash."""
        ordered = sorted(entries.items(), key=lambda item: (item[0] + "/" if item[1].is_folder else item[0]).encode())
        return self.write(
            "tree",
            b"".join(f"{entry.mode} {name}\0".encode() + bytes.fromhex(entry.sha) for name, entry in ordered),
        )


def _parse_commit(sha: str, text: str) -> CommitObject:
    head, _, message = text.partition("\n\n")
    fields: dict[str, list[str]] = {}
    for line in head.split("\n"):
        name, _, value = line.partition(" ")
        fields.setdefault(name, []).append(value)
    return CommitObject(
        sha=sha,
        tree=fields["tree"][0],
        parents=tuple(fields.get("parent", ())),
        author=Signature.parse(fields["author"][0]),
        committer=Signature.parse(fields["committer"][0]),
        message=message.rstrip("\n"),
    )


def _lay_out(path: Path, default_branch: str) -> None:
    for folder in ("objects/info", "objects/pack", "refs/heads", "refs/tags"):
        (path / folder).mkdir(parents=True)
    (path / "HEAD").write_text(f"ref: refs/heads/{default_branch}\n")
    core = "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = true"
    (path / "config").write_text(core + CONFIG)

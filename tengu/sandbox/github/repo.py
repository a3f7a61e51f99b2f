"""One repository of the stand-in, for stories: what people do in it."""

from __future__ import annotations

import re
from datetime import datetime

from tengu.sandbox.github import branches, merging, pulls, trees
from tengu.sandbox.github.hub import Hub
from tengu.sandbox.github.model import Account, Comment, Method, PullRequest, Repository, Role
from tengu.sandbox.github.objects import Signature
from tengu.sandbox.github.trees import Files

_BOX = re.compile(r"^(\s*[-*+] \[)([ xX])(\])", re.MULTILINE)


class RepositoryStandIn:
    """What people do in a repository. People are named by login; every method answers when it is done, webhooks
    follow from a thread. What GitHub would refuse raises `GitHubError`.

    Args:
        state: the whole state, to look into (`state.pulls`, `state.statuses`, `state.deployments`).
    """

    def __init__(self, hub: Hub, state: Repository) -> None:
        self._hub = hub
        self.state = state

    @property
    def full_name(self) -> str:
        """`owner/name`."""
        return self.state.full_name

    @property
    def clone_url(self) -> str:
        """Where git gets it."""
        return f"{self._hub.url}/{self.full_name}.git"

    def head(self, branch: str) -> str:
        """Commit at the head of a branch. Raises LookupError if there is none."""
        sha = self.state.head(branch)
        if sha is None:
            raise LookupError(f"{self.full_name} has no branch {branch}")
        return sha

    def branch(self, name: str, at: str | None = None, *, by: str | None = None) -> str:
        """Create a branch at a commit or at another branch's head (default: of the default branch)."""
        with self._hub.lock:
            start = at or self.state.default_branch
            sha = self.state.head(start) or start
            branches.move(self._hub, self.state, branches.HEADS + name, sha, self._account(by))
            return sha

    def delete_branch(self, name: str, *, by: str | None = None) -> None:
        """Delete a branch; open pull requests from or into it are closed."""
        with self._hub.lock:
            branches.move(self._hub, self.state, branches.HEADS + name, None, self._account(by))

    def force(self, branch: str, sha: str, *, by: str | None = None) -> None:
        """Move a branch anywhere, as a forced push does."""
        with self._hub.lock:
            branches.move(self._hub, self.state, branches.HEADS + branch, sha, self._account(by))

    def commit(
        self,
        branch: str,
        files: Files,
        message: str,
        *,
        by: str | None = None,
        at: datetime | None = None,
        author: Signature | None = None,
    ) -> str:
        """Push one commit onto a branch (made if missing); a file's content None deletes it.

        Args:
            at: author and committer date, default now.
            author: somebody GitHub does not know, in place of `by`.
        """
        with self._hub.lock:
            account = self._account(by)
            parent = self.state.head(branch) or self.state.head(self.state.default_branch)
            store = self.state.store
            tree = trees.with_files(store, store.commit(parent).tree if parent else trees.EMPTY_TREE, files)
            signature = author or self._hub.signature(account, at)
            sha = store.write_commit(tree, (parent,) if parent else (), signature, signature, message)
            branches.move(self._hub, self.state, branches.HEADS + branch, sha, account)
            return sha

    def files(self, ref: str) -> dict[str, str]:
        """Path -> text of every file of a branch or commit."""
        store = self.state.store
        tree = store.commit(self.state.head(ref) or ref).tree
        found = trees.changed(store, trees.EMPTY_TREE, tree)
        return {path: store.read(now.sha, "blob").decode("utf-8", "replace") for path, (_, now) in found.items() if now}

    def open_pull_request(
        self,
        title: str,
        files: Files | None = None,
        *,
        by: str,
        body: str = "",
        head: str | None = None,
        base: str | None = None,
        commits: int = 1,
    ) -> PullRequest:
        """Open a pull request. With `files` its branch is made first, from the base, with that change.

        Args:
            head: branch; default `feature-N`.
            commits: over so many commits the files are spread (at most one for each file).
        """
        with self._hub.lock:
            base = base or self.state.default_branch
            head = head or f"feature-{max(self.state.pulls, default=0) + 1}"
            if self.state.head(head) is None:
                self.branch(head, base, by=by)
            for part in _parts(files or {}, commits):
                self.commit(head, part, title, by=by)
            return pulls.create(self._hub, self.state, self._account(by), title=title, body=body, head=head, base=base)

    def pull_request(self, number: int) -> PullRequest:
        """That pull request as it is now. Raises GitHubError 404."""
        return self._hub.pull_request(self.state, number)

    def merge(self, number: int, *, by: str, method: Method = "merge") -> str:
        """Press the Merge button; answers with the merge commit."""
        with self._hub.lock:
            return merging.merge(self._hub, self.state, self.pull_request(number), self._account(by), method)

    def close(self, number: int, *, by: str) -> None:
        """Close it unmerged."""
        self._set_state(number, by, "closed")

    def reopen(self, number: int, *, by: str) -> None:
        """Open it again."""
        self._set_state(number, by, "open")

    def _set_state(self, number: int, by: str, state: str) -> None:
        with self._hub.lock:
            pulls.set_state(self._hub, self.state, self.pull_request(number), self._account(by), state)

    def edit(
        self, number: int, *, by: str, title: str | None = None, body: str | None = None, crlf: bool = True
    ) -> None:
        """Change title or body in the browser, whose text fields end lines with CRLF."""
        with self._hub.lock:
            if body is not None and crlf:
                body = body.replace("\r\n", "\n").replace("\n", "\r\n")
            pulls.edit(self._hub, self.state, self.pull_request(number), self._account(by), title=title, body=body)

    def tick(self, number: int, line: str, *, by: str) -> None:
        """Tick the box of the first line that contains this text. Raises LookupError if there is none."""
        self._set_box(number, line, "x", by)

    def untick(self, number: int, line: str, *, by: str) -> None:
        """Untick it."""
        self._set_box(number, line, " ", by)

    def _set_box(self, number: int, line: str, mark: str, by: str) -> None:
        with self._hub.lock:
            pull = self.pull_request(number)
            lines = pull.body.split("\n")
            found = [place for place, text in enumerate(lines) if line in text and _BOX.match(text)]
            if not found:
                raise LookupError(f"no checkbox line of pull request {number} contains {line!r}:\n{pull.body}")
            lines[found[0]] = _BOX.sub(rf"\g<1>{mark}\g<3>", lines[found[0]])
            pulls.edit(self._hub, self.state, pull, self._account(by), body="\n".join(lines))

    def comment(self, number: int, body: str, *, by: str) -> Comment:
        """Comment on a pull request."""
        with self._hub.lock:
            return pulls.comment(self._hub, self.pull_request(number), self._account(by), body)

    def assign(self, number: int, *logins: str) -> None:
        """Set the assignees of a pull request."""
        self.pull_request(number).assignees = [self._hub.account(login) for login in logins]

    def label(self, number: int, *names: str) -> None:
        """Set the labels of a pull request."""
        self.pull_request(number).labels = list(names)

    def allow(self, login: str, role: Role) -> None:
        """Give somebody a role; `none` takes it away."""
        self._hub.allow(self.state, self._hub.account(login), role)

    def protect(self, branch: str, *contexts: str) -> None:
        """GitHub merges into this branch only when these statuses are green; none lifts it."""
        if contexts:
            self.state.protected[branch] = contexts
        else:
            self.state.protected.pop(branch, None)

    def _account(self, login: str | None) -> Account:
        return self._hub.account(login) if login else self.state.owner


def _parts(files: Files, count: int) -> list[Files]:
    items = list(files.items())
    size = -(-len(items) // count) if items else 1
    return [dict(items[start : start + size]) for start in range(0, len(items), size)]

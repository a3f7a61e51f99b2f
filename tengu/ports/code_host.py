"""GitHub, as far as Tengu needs it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from tengu.domain.changeset import Commit, MergedPullRequest
from tengu.domain.people import GitHubUser
from tengu.secret import Secret


@dataclass(frozen=True)
class PullRequest:
    """A pull request of any state, as GitHub has it now.

    Args:
        head, base: branch names; head_sha, the head's commit.
        merge_commit: GitHub's `merge_commit_sha` if it is merged, else None.
        body: never None; empty if GitHub has none. Line ends are `\\n`.
    """

    number: int
    title: str
    body: str
    url: str
    state: Literal["open", "merged", "closed"]
    head: str
    head_sha: str
    base: str
    author: GitHubUser | None
    merge_commit: str | None = None
    merged_at: datetime | None = None
    merged_by: GitHubUser | None = None


@dataclass(frozen=True)
class BodyEdit:
    """One version of a pull request's body.

    Args:
        body: the whole body after that edit, line ends `\\n`; None where GitHub no longer shows it.
    """

    body: str | None
    editor: GitHubUser | None
    edited_at: datetime


@dataclass(frozen=True)
class Comparison:
    """What compare says of base...head.

    Args:
        commits: on head and not on base, oldest first.
        total: how many there are, which may be more than GitHub lists.
        merge_base: their last common commit.
        behind: commits on base and not on head.
    """

    commits: tuple[Commit, ...]
    total: int
    merge_base: str
    behind: int


@dataclass(frozen=True)
class CloneAccess:
    """How git gets the repository.

    Args:
        url: GitHub's `clone_url`, without credentials.
        token: sent as basic auth password for `x-access-token`; None for anonymous.
    """

    url: str
    token: Secret | None


DeploymentState = Literal["queued", "in_progress", "success", "failure", "error", "inactive"]


class CodeHost(Protocol):
    """What Tengu does on GitHub. `repository` is `owner/name`. Every method raises
    `ServiceError("GitHub", action, …)`; nothing is retried for longer than a few seconds inside."""

    def branch_head(self, repository: str, branch: str) -> str | None:
        """Commit at its head; None if there is no such branch."""

    def create_branch(self, repository: str, branch: str, commit: str) -> None:
        """Create it there. No error if it exists with that head already."""

    def commit(self, repository: str, commit: str) -> Commit:
        """One commit."""

    def compare(self, repository: str, base: str, head: str) -> Comparison:
        """All commits of base...head, all pages."""

    def is_ancestor(self, repository: str, ancestor: str, descendant: str) -> bool:
        """True if `descendant` contains `ancestor` (or is it); one small request."""

    def merged_pull_requests_of(
        self, repository: str, commits: Sequence[str]
    ) -> Mapping[str, tuple[MergedPullRequest, ...]]:
        """For each commit the merged pull requests GitHub associates with it; 100 commits a GraphQL call."""

    def merged_pull_request(self, repository: str, number: int) -> MergedPullRequest | None:
        """That pull request if it exists and is merged."""

    def find_open_pull_request(self, repository: str, head: str, base: str) -> PullRequest | None:
        """The open pull request from that branch of this repository (`owner:head`) into that branch."""

    def pull_request(self, repository: str, number: int) -> PullRequest:
        """That pull request, read now."""

    def pull_request_merged_as(self, repository: str, commit: str, base: str) -> PullRequest | None:
        """The pull request merged into `base` whose merge commit is `commit`."""

    def create_pull_request(self, repository: str, *, title: str, body: str, head: str, base: str) -> PullRequest:
        """Open it. One that exists already for head and base: that one is returned, unchanged."""

    def edit_pull_request(
        self, repository: str, number: int, *, title: str | None = None, body: str | None = None
    ) -> PullRequest:
        """Change title or body."""

    def body_edits(self, repository: str, number: int) -> tuple[BodyEdit, ...]:
        """The last few versions of its body, newest first; empty if it was never edited."""

    def clone_access(self, repository: str) -> CloneAccess:
        """How git gets it; the token of an app lives one hour."""

    def deployment_keys(self, repository: str, commit: str, *, environment: str) -> tuple[str, ...]:
        """The keys of the GitHub Deployments that `create_deployment` made of that commit."""

    def create_deployment(self, repository: str, commit: str, *, environment: str, description: str, key: str) -> int:
        """A GitHub Deployment (`auto_merge: false, required_contexts: []`), `key` in its payload. One with this
        key exists already for the commit: its id."""

    def set_deployment_status(
        self,
        repository: str,
        deployment: int,
        state: DeploymentState,
        *,
        description: str,
        log_url: str = "",
        environment_url: str = "",
    ) -> None:
        """Add a status to it; GitHub's 140-character limit on descriptions is kept."""

    def can_write(self, repository: str, login: str) -> bool:
        """True if that person has write, maintain or admin permission."""

    def email(self, login: str) -> str | None:
        """The public e-mail address of that account, if it shows one."""

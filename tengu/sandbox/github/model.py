"""What the stand-in remembers besides git."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from tengu.sandbox.github.diffs import Diffs
from tengu.sandbox.github.history import History
from tengu.sandbox.github.objects import CommitObject, GitStore
from tengu.sandbox.github.refs import Refs
from tengu.sandbox.github.trees import EMPTY_TREE, Change, changed

Kind = Literal["User", "Bot", "Organization"]
Method = Literal["merge", "squash", "rebase"]
Role = Literal["none", "read", "triage", "write", "maintain", "admin"]
METHODS: tuple[Method, ...] = ("merge", "squash", "rebase")
ROLES: tuple[Role, ...] = ("none", "read", "triage", "write", "maintain", "admin")


@dataclass(eq=False)
class Account:
    """A person, a bot or an organisation.

    Args:
        email: the public address, None if none is shown.
    """

    id: int
    login: str
    kind: Kind
    name: str | None
    email: str | None
    created_at: datetime

    @property
    def commit_email(self) -> str:
        """What stands in their commits."""
        return self.email or self.private_email

    @property
    def private_email(self) -> str:
        """GitHub's own address of theirs."""
        return f"{self.id}+{self.login}@users.noreply.github.com"


@dataclass(eq=False)
class App:
    """A GitHub App and its one installation."""

    id: int
    slug: str
    bot: Account
    installation_id: int
    private_key: str
    permissions: dict[str, str]
    created_at: datetime


@dataclass(eq=False)
class Token:
    """An access token.

    Args:
        app: set for installation tokens.
    """

    value: str
    account: Account
    expires_at: datetime | None = None
    app: App | None = None
    permissions: dict[str, str] = field(default_factory=dict)
    used: int = 0


@dataclass(frozen=True)
class Edit:
    """One version of a text, from the moment of that edit on."""

    id: int
    at: datetime
    by: Account
    text: str


@dataclass(eq=False)
class Comment:
    """A comment on a pull request."""

    id: int
    pull_request: int
    body: str
    author: Account
    created_at: datetime
    updated_at: datetime
    edits: list[Edit] = field(default_factory=list)


@dataclass(eq=False)
class PullRequest:
    """A pull request between two branches of one repository.

    Args:
        head_sha, base_sha: heads of the branches; frozen when it is closed.
        merge_commit: once merged.
        commits: its own commits, oldest first; frozen when it is closed.
        landed: commits that the merge put on the base (a merge commit, a squash, the copies of a rebase).
    """

    id: int
    number: int
    title: str
    body: str
    author: Account
    head: str
    base: str
    head_sha: str
    base_sha: str
    created_at: datetime
    updated_at: datetime
    closed_at: datetime | None = None
    merged_at: datetime | None = None
    merged_by: Account | None = None
    merge_commit: str | None = None
    commits: tuple[str, ...] = ()
    landed: tuple[str, ...] = ()
    draft: bool = False
    assignees: list[Account] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    edits: list[Edit] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)

    @property
    def state(self) -> str:
        """`open` or `closed`, as REST says it."""
        return "open" if self.closed_at is None else "closed"


@dataclass(eq=False)
class Status:
    """A commit status."""

    id: int
    sha: str
    state: str
    context: str
    description: str | None
    target_url: str | None
    creator: Account
    created_at: datetime


@dataclass(eq=False)
class DeploymentStatus:
    """One status of a deployment."""

    id: int
    state: str
    description: str
    environment: str
    log_url: str
    environment_url: str
    creator: Account
    created_at: datetime


@dataclass(eq=False)
class Deployment:
    """A GitHub Deployment."""

    id: int
    sha: str
    ref: str
    task: str
    environment: str
    description: str | None
    payload: Any
    transient: bool
    production: bool
    creator: Account
    created_at: datetime
    statuses: list[DeploymentStatus] = field(default_factory=list)


@dataclass(eq=False)
class Repository:
    """A repository.

    Args:
        roles: what each login may; the owner is admin.
        methods: merge methods that are allowed.
        protected: branch -> status contexts that must be green before GitHub merges into it.
        brought: commit -> the merged pull requests that it came with, oldest merge first.
        test_merges: (base, head) -> the commit GitHub makes to try a merge, None for a conflict.
    """

    id: int
    owner: Account
    name: str
    store: GitStore
    default_branch: str
    created_at: datetime
    pushed_at: datetime
    private: bool = True
    roles: dict[str, Role] = field(default_factory=dict)
    methods: set[Method] = field(default_factory=lambda: {"merge", "squash", "rebase"})
    delete_branch_on_merge: bool = False
    protected: dict[str, tuple[str, ...]] = field(default_factory=dict)
    pulls: dict[int, PullRequest] = field(default_factory=dict)
    statuses: dict[str, list[Status]] = field(default_factory=dict)
    deployments: dict[int, Deployment] = field(default_factory=dict)
    brought: dict[str, list[PullRequest]] = field(default_factory=dict)
    test_merges: dict[tuple[str, str], str | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.refs = Refs(self.store)
        self.history = History(self.store)
        self.diffs = Diffs(self.store)

    @property
    def full_name(self) -> str:
        """`owner/name`."""
        return f"{self.owner.login}/{self.name}"

    def head(self, branch: str) -> str | None:
        """Commit at the head of a branch."""
        return self.refs.get(f"refs/heads/{branch}")

    def role(self, account: Account) -> Role:
        """What this account may."""
        if account.login == self.owner.login:
            return "admin"
        return self.roles.get(account.login, "none" if self.private else "read")

    def allows(self, account: Account, role: Role) -> bool:
        """True if the account has that role or a higher one."""
        return ROLES.index(self.role(account)) >= ROLES.index(role)

    def changes_of(self, commit: CommitObject) -> dict[str, Change]:
        """Files that a commit changed against its first parent."""
        was = self.store.commit(commit.parents[0]).tree if commit.parents else EMPTY_TREE
        return changed(self.store, was, commit.tree)

    def comment(self, comment_id: int) -> Comment | None:
        """A comment on any of its pull requests."""
        for pull in self.pulls.values():
            for comment in pull.comments:
                if comment.id == comment_id:
                    return comment
        return None

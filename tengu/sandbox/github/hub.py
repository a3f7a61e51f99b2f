"""Everything that one GitHub stand-in knows."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tengu.sandbox.github.errors import not_found
from tengu.sandbox.github.keys import new_private_key
from tengu.sandbox.github.model import Account, App, Kind, PullRequest, Repository, Role, Token
from tengu.sandbox.github.objects import GitStore, Signature

APP_PERMISSIONS = {
    "contents": "write",
    "deployments": "write",
    "issues": "write",
    "metadata": "read",
    "pull_requests": "write",
    "statuses": "write",
    "workflows": "write",
}
WEB_FLOW = ("GitHub", "noreply@github.com")


class Hub:
    """Accounts, repositories, tokens, apps; one lock around all of it.

    Args:
        folder: where the bare repositories are kept.
        clock: what time it is (aware).
        index_lag: so long GitHub does not know yet which pull request a new commit came with.
    """

    def __init__(self, folder: Path, clock: Callable[[], datetime], index_lag: timedelta) -> None:
        self.folder = folder
        self.lock = threading.RLock()
        self.index_lag = index_lag
        self.url = ""
        self.accounts: dict[str, Account] = {}
        self.repositories: dict[str, Repository] = {}
        self.tokens: dict[str, Token] = {}
        self.apps: dict[int, App] = {}
        self.rate_limit = 5000
        self.emit: Callable[[str, Callable[[], dict[str, Any]]], None] = lambda _event, _payload: None
        self._clock = clock
        self._last_id = 1000

    def now(self) -> datetime:
        """GitHub's time: whole seconds."""
        return self._clock().replace(microsecond=0)

    def next_id(self) -> int:
        """A number that nothing else has."""
        self._last_id += 1
        return self._last_id

    def add_account(self, login: str, kind: Kind, name: str | None, email: str | None) -> Account:
        """Create an account. Logins are compared without case, as on GitHub."""
        account = Account(self.next_id(), login, kind, name, email, self.now())
        self.accounts[login.lower()] = account
        return account

    def account(self, login: str) -> Account:
        """That account. Raises 404."""
        found = self.accounts.get(login.lower())
        if found is None:
            raise not_found()
        return found

    def account_of(self, email: str) -> Account | None:
        """Whose address this is in a commit, if GitHub knows."""
        for account in self.accounts.values():
            if email.lower() in ((account.email or "").lower(), account.private_email.lower()):
                return account
        return None

    def signature(self, account: Account, at: datetime | None = None) -> Signature:
        """How the account signs its commits."""
        return Signature(account.name or account.login, account.commit_email, at or self.now())

    def web_signature(self) -> Signature:
        """How GitHub signs what is made on its pages."""
        return Signature(*WEB_FLOW, self.now())

    def add_repository(self, owner: Account, name: str, default_branch: str, *, private: bool) -> Repository:
        """Create an empty repository."""
        store = GitStore(self.folder / owner.login / f"{name}.git", default_branch)
        now = self.now()
        repository = Repository(self.next_id(), owner, name, store, default_branch, now, now, private)
        self.repositories[repository.full_name.lower()] = repository
        return repository

    def repository(self, owner: str, name: str) -> Repository:
        """That repository. Raises 404."""
        found = self.repositories.get(f"{owner}/{name}".lower())
        if found is None:
            raise not_found()
        return found

    def pull_request(self, repository: Repository, number: int) -> PullRequest:
        """That pull request. Raises 404."""
        found = repository.pulls.get(number)
        if found is None:
            raise not_found()
        return found

    def allow(self, repository: Repository, account: Account, role: Role) -> None:
        """Give an account a role in a repository; `none` takes it away."""
        repository.roles[account.login] = role

    def add_token(self, account: Account, prefix: str = "ghp", app: App | None = None) -> Token:
        """A new token; an app's lives one hour."""
        expires = datetime.now(UTC) + timedelta(hours=1) if app else None  # clients judge it by the real time
        permissions = dict(app.permissions) if app else {}
        token = Token(f"{prefix}_{secrets.token_hex(18)}", account, expires, app, permissions)
        self.tokens[token.value] = token
        return token

    def add_app(self, slug: str) -> App:
        """A GitHub App, installed on every repository, with its bot account."""
        bot = self.add_account(f"{slug}[bot]", "Bot", None, None)
        app = App(
            id=self.next_id(),
            slug=slug,
            bot=bot,
            installation_id=self.next_id(),
            private_key=new_private_key(),
            permissions=dict(APP_PERMISSIONS),
            created_at=self.now(),
        )
        self.apps[app.id] = app
        return app

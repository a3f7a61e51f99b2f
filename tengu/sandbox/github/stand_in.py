"""A GitHub on loopback, with real git repositories."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType

from tengu.sandbox.faults import Faults
from tengu.sandbox.github import payloads
from tengu.sandbox.github.app import build_app, call_name
from tengu.sandbox.github.hub import Hub
from tengu.sandbox.github.model import Account, App, Kind
from tengu.sandbox.github.render import iso
from tengu.sandbox.github.repo import RepositoryStandIn
from tengu.sandbox.github.trees import Files
from tengu.sandbox.github.webhooks import Hook, Webhooks
from tengu.sandbox.server import Server


def real_time() -> datetime:
    """Now, aware, UTC."""
    return datetime.now(UTC)


class GitHubStandIn:
    """GitHub: REST, GraphQL, git over HTTP, signed webhooks.

    Args:
        folder: an empty folder for the repositories.
        now: what time it is, aware (a `Clock`'s `now`): dates of commits, merges and everything else.
        port: 0 takes a free one.
        index_lag: so long a new commit is not associated with its pull request.
    """

    def __init__(
        self,
        folder: Path,
        *,
        now: Callable[[], datetime] = real_time,
        port: int = 0,
        index_lag: timedelta = timedelta(0),
    ) -> None:
        self.hub = Hub(folder, now, index_lag)
        self.webhooks = Webhooks()
        self.faults = Faults(build_app(self.hub), call_name)  # type: ignore[arg-type]  # Starlette's own Scope type
        self._port = port
        self._server: Server | None = None
        self.hub.emit = self.webhooks.send

    @property
    def url(self) -> str:
        """Its address, for REST and everything else; empty until it is started."""
        return self.hub.url

    def start(self) -> GitHubStandIn:
        """Start serving. Accounts and repositories may be made before."""
        self._server = Server(self.faults, self._port)
        self.hub.url = self._server.url
        self._server.start()
        return self

    def stop(self) -> None:
        """Stop serving and sending."""
        self.webhooks.stop()
        if self._server is not None:
            self._server.stop()
            self._server = None

    def __enter__(self) -> GitHubStandIn:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def account(self, login: str, kind: Kind = "User", *, name: str | None = None, email: str | None = None) -> Account:
        """Create an account. `email` is the public address; without one there is GitHub's noreply address."""
        return self.hub.add_account(login, kind, name, email)

    def token(self, login: str) -> str:
        """A personal access token of that account."""
        return self.hub.add_token(self.hub.account(login)).value

    def app(self, slug: str = "tengu") -> App:
        """Create a GitHub App, installed everywhere (`id`, `private_key`, `permissions`)."""
        return self.hub.add_app(slug)

    def repository(
        self,
        full_name: str,
        files: Files | None = None,
        *,
        by: str | None = None,
        default_branch: str = "master",
        private: bool = True,
        at: datetime | None = None,
    ) -> RepositoryStandIn:
        """Create a repository with a first commit. An owner who does not exist becomes an organisation; accounts
        that exist are given write access."""
        owner_name, _, name = full_name.partition("/")
        if owner_name.lower() not in self.hub.accounts:
            self.account(owner_name, "Organization")
        owner = self.hub.account(owner_name)
        made = RepositoryStandIn(self.hub, self.hub.add_repository(owner, name, default_branch, private=private))
        for account in self.hub.accounts.values():
            if account.kind == "User" and account is not owner:
                self.hub.allow(made.state, account, "write")
        made.commit(default_branch, files or {"README.md": f"# {name}\n"}, "Begin", by=by, at=at)
        return made

    def repo(self, full_name: str) -> RepositoryStandIn:
        """A repository that exists. Raises GitHubError 404."""
        return RepositoryStandIn(self.hub, self.hub.repository(*full_name.split("/")))

    def send_webhooks(self, url: str, secret: str, events: frozenset[str] = frozenset(), *, ping: bool = False) -> None:
        """Send webhooks there from now on (no `events`: all kinds), perhaps with a `ping` first."""
        hook = Hook(self.hub.next_id(), url, secret, events)
        self.webhooks.configure(hook)
        if ping:
            now = iso(self.hub.now())
            shown = {
                "type": "App",
                "id": hook.id,
                "name": "web",
                "active": True,
                "events": sorted(events) or ["*"],
                "config": {"content_type": "json", "insecure_ssl": "0", "secret": "********", "url": url},
                "created_at": now,
                "updated_at": now,
            }
            self.webhooks.send("ping", lambda: payloads.ping(self.hub, shown))

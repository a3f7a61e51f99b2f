"""How Tengu proves to GitHub who it is: a token, or a GitHub App with a token for each repository's installation.

https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app
"""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Protocol

from github import Auth, GithubIntegration

from tengu.adapters.github.failures import translated
from tengu.secret import Secret

TIMEOUT = 15
USER_AGENT = "tengu"
#: Renewed this long before it ends: a clone that has begun with it must not outlive it. It lives one hour.
_RENEW_BEFORE = timedelta(minutes=10)


class Credentials(Protocol):
    """A token for a repository."""

    def token(self, repository: str) -> Secret:
        """A token that is good for some minutes; without a repository one of any installation.

        Raises ServiceError("GitHub", …).
        """

    def forget(self, repository: str) -> None:
        """GitHub no longer takes the token: get another one the next time."""


class TokenCredentials:
    """One token for everything: a fine-grained or classic personal access token."""

    def __init__(self, token: Secret) -> None:
        self._token = token

    def token(self, repository: str) -> Secret:
        """The token."""
        return self._token

    def forget(self, repository: str) -> None:
        """There is no other one."""


class AppCredentials:
    """A GitHub App: its installation is looked up by repository, its token renewed before it expires.

    Args:
        app_id: the App's id (or client id).
        private_key: its private key, PEM.
    """

    def __init__(self, app_id: str, private_key: Secret, base_url: str) -> None:
        self._app_id = app_id
        self._private_key = private_key
        self._base_url = base_url
        self._lock = threading.Lock()
        self._tokens: dict[str, tuple[Secret, datetime]] = {}

    def token(self, repository: str) -> Secret:
        """An installation token; several threads that need one ask GitHub once."""
        with self._lock:
            known = self._tokens.get(repository)
            if known is None or known[1] - _RENEW_BEFORE < datetime.now(UTC):
                known = self._tokens[repository] = self._new(repository)
            return known[0]

    def forget(self, repository: str) -> None:
        """Drop the token (the App was reinstalled, its permissions changed)."""
        with self._lock:
            self._tokens.pop(repository, None)

    def _new(self, repository: str) -> tuple[Secret, datetime]:
        owner, _, name = repository.partition("/")
        with translated(f"POST /app/installations/…/access_tokens for {repository or 'any repository'}", app=True):
            integration = GithubIntegration(
                auth=Auth.AppAuth(self._app_id, self._private_key.reveal()),
                base_url=self._base_url,
                timeout=TIMEOUT,
                user_agent=USER_AGENT,
                retry=None,
                seconds_between_requests=0,
                seconds_between_writes=0,
            )
            try:
                made = integration.get_access_token(
                    integration.get_repo_installation(owner, name).id
                    if repository
                    else next(iter(integration.get_installations())).id
                )
                return Secret(made.token), made.expires_at
            finally:
                integration.close()

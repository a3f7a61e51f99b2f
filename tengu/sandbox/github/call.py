"""One REST call: who asks, for what, and how it is answered."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import urlencode

import jwt
from starlette.responses import Response

from tengu.sandbox.github.errors import GitHubError, not_found
from tengu.sandbox.github.hub import Hub
from tengu.sandbox.github.keys import public_key
from tengu.sandbox.github.model import Account, App, PullRequest, Repository, Token
from tengu.sandbox.github.render import Render

MAX_PAGE = 100
LEVELS = ("none", "read", "write", "admin")
T = TypeVar("T")


@dataclass
class Call:
    """One authenticated call.

    Args:
        path: without the `/api/v3` in front.
        params: the variable parts of the path.
        body: the parsed JSON body, {} if there was none.
        token: None for anonymous calls and for those of an app as itself.
        app: set when an app speaks as itself, with a JWT.
    """

    hub: Hub
    render: Render
    path: str
    params: Mapping[str, str]
    query: Mapping[str, str]
    body: dict[str, Any]
    token: Token | None
    app: App | None

    @property
    def actor(self) -> Account:
        """Who asks. Raises 401."""
        if self.token is None:
            raise GitHubError(401, "Requires authentication")
        return self.token.account

    def repository(self, permission: str = "metadata", level: str = "read") -> Repository:
        """The repository in the path. Raises 404 if it may not be seen, 403 if it may not be used so."""
        repository = self.hub.repository(self.params["owner"], self.params["repo"])
        if self.token is not None and self.token.app is not None:
            if LEVELS.index(self.token.permissions.get(permission, "none")) < LEVELS.index(level):
                raise GitHubError(403, "Resource not accessible by integration")
            return repository
        if self.token is None and repository.private:
            raise not_found()
        if self.token is not None and not repository.allows(self.token.account, "read"):
            raise not_found()
        if level == "write" and not repository.allows(self.actor, "read" if permission == "issues" else "write"):
            raise GitHubError(403, "Must have push access to repository")
        return repository

    def pull_request(self, repository: Repository) -> PullRequest:
        """The pull request in the path. Raises 404."""
        return self.hub.pull_request(repository, int(self.params["number"]))

    def text(self, name: str, default: str = "") -> str:
        """A text in the body. Raises 422 if it is something else."""
        value = self.body.get(name, default)
        if value is not None and not isinstance(value, str):
            raise GitHubError(422, f"Invalid request.\n\nFor 'properties/{name}', {value!r} is not a string.")
        return value or ""

    def page(
        self, items: Sequence[T], show: Callable[[T], Any], default: int = 30, largest: int = MAX_PAGE
    ) -> Response:
        """One page of a list, with GitHub's Link header."""
        part, link = self.cut(items, default, largest)
        return answer([show(item) for item in part], headers=link)

    def cut(self, items: Sequence[T], default: int = 30, largest: int = MAX_PAGE) -> tuple[Sequence[T], dict[str, str]]:
        """The items of the page that is asked for, and the Link header."""
        size = min(_number(self.query.get("per_page"), default), largest)
        page, last = _number(self.query.get("page"), 1), max(1, -(-len(items) // size))
        pages = {"prev": page - 1, "next": page + 1, "first": 1, "last": last}
        wanted = [name for name in pages if (page < last if name in {"next", "last"} else page > 1)]
        links = [f'<{self._at(pages[name])}>; rel="{name}"' for name in wanted]
        return items[(page - 1) * size : page * size], {"Link": ", ".join(links)} if links else {}

    def _at(self, page: int) -> str:
        return f"{self.render.api}{self.path}?{urlencode({**self.query, 'page': page})}"


def _number(value: str | None, default: int) -> int:
    return max(1, int(value)) if value and value.isdigit() else default


def answer(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON answer; None has no body."""
    content = b"" if body is None else json.dumps(body).encode()
    return Response(content, status, dict(headers or {}), "application/json; charset=utf-8")


def authenticate(hub: Hub, header: str) -> tuple[Token | None, App | None]:
    """Who is behind an Authorization header (`token`, `Bearer` or `Basic`). Raises 401 on a bad one."""
    kind, _, value = header.partition(" ")
    if not value:
        return None, None
    if kind.lower() == "basic":
        value = b64decode(value).decode("utf-8", "replace").partition(":")[2]
    if value.count(".") == 2:
        return None, _app_of(hub, value)
    token = hub.tokens.get(value)
    if token is None or (token.expires_at is not None and token.expires_at < datetime.now(UTC)):
        raise GitHubError(401, "Bad credentials")
    return token, None


def _app_of(hub: Hub, value: str) -> App:
    try:
        claimed = jwt.decode(value, options={"verify_signature": False})
        app = hub.apps[int(claimed["iss"])]
        jwt.decode(value, public_key(app.private_key), algorithms=["RS256"], options={"verify_iat": False})
    except (jwt.InvalidTokenError, KeyError, ValueError) as error:
        raise GitHubError(401, "A JSON web token could not be decoded") from error
    return app


def spend(hub: Hub, token: Token | None) -> dict[str, str]:
    """Count a request; answers with the X-RateLimit headers. Raises 403 when nothing is left."""
    if token is None:
        return {}
    token.used += 1
    left = hub.rate_limit - token.used
    if left < 0:
        raise GitHubError(403, f"API rate limit exceeded for user ID {token.account.id}.")
    return {
        "X-RateLimit-Limit": str(hub.rate_limit),
        "X-RateLimit-Remaining": str(left),
        "X-RateLimit-Used": str(token.used),
        "X-RateLimit-Reset": str(int(datetime.now(UTC).timestamp()) + 3600),
        "X-RateLimit-Resource": "core",
    }

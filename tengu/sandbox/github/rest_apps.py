"""REST: GitHub Apps, their installations, the rate limit."""

from __future__ import annotations

from datetime import UTC, datetime

from starlette.responses import Response

from tengu.sandbox.github.call import LEVELS, Call, answer
from tengu.sandbox.github.errors import GitHubError, not_found
from tengu.sandbox.github.model import Account, App
from tengu.sandbox.github.render import iso


def _app(call: Call) -> App:
    if call.app is None:
        raise GitHubError(401, "A JSON web token could not be decoded")
    return call.app


def _owner(call: Call) -> Account:
    for repository in call.hub.repositories.values():
        return repository.owner
    return _app(call).bot


def get_app(call: Call) -> Response:
    """GET /app."""
    return answer(call.render.app(_app(call), _owner(call)))


def list_installations(call: Call) -> Response:
    """GET /app/installations."""
    return call.page([_app(call)], lambda app: call.render.installation(app, _owner(call)))


def get_installation(call: Call) -> Response:
    """GET /app/installations/{installation_id}."""
    app = _app(call)
    if int(call.params["installation_id"]) != app.installation_id:
        raise not_found()
    return answer(call.render.installation(app, _owner(call)))


def repository_installation(call: Call) -> Response:
    """GET /repos/{owner}/{repo}/installation."""
    app = _app(call)
    owner = call.hub.repository(call.params["owner"], call.params["repo"]).owner
    return answer(call.render.installation(app, owner))


def create_token(call: Call) -> Response:
    """POST /app/installations/{installation_id}/access_tokens; asking for more than the app has is a 422."""
    app = _app(call)
    if int(call.params["installation_id"]) != app.installation_id:
        raise not_found()
    token = call.hub.add_token(app.bot, "ghs", app)
    asked = call.body.get("permissions") or dict(app.permissions)
    for name, level in asked.items():
        if LEVELS.index(level) > LEVELS.index(app.permissions.get(name, "none")):
            raise GitHubError(422, "The permissions requested are not granted to this installation.")
    token.permissions = {"metadata": "read", **asked}
    return answer(
        {
            "token": token.value,
            "expires_at": iso(token.expires_at or datetime.now(UTC)),
            "permissions": token.permissions,
            "repository_selection": "all",
        },
        201,
    )


def installation_repositories(call: Call) -> Response:
    """GET /installation/repositories."""
    found = [one for one in call.hub.repositories.values() if call.token is not None]
    if call.token is None or call.token.app is None:
        raise GitHubError(403, "You must authenticate with an installation access token")
    part, link = call.cut(found)
    shown = [call.render.repository(one) for one in part]
    return answer({"total_count": len(found), "repository_selection": "all", "repositories": shown}, headers=link)


def rate_limit(call: Call) -> Response:
    """GET /rate_limit."""
    used = call.token.used if call.token else 0
    reset = int(datetime.now(UTC).timestamp()) + 3600
    left = max(0, call.hub.rate_limit - used)
    rate = {"limit": call.hub.rate_limit, "used": used, "remaining": left, "reset": reset}
    search = {"limit": 30, "used": 0, "remaining": 30, "reset": reset}
    return answer({"resources": {"core": rate, "graphql": rate, "search": search}, "rate": rate})

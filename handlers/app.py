"""The HTTP application: every route, built from one Tengu."""

from __future__ import annotations

from fastapi import FastAPI

from handlers.github_webhook import create_github_router
from handlers.health import create_health_router
from handlers.slack import create_slack_router
from tengu import __version__
from tengu.bootstrap import Tengu


def create_app(tengu: Tengu) -> FastAPI:
    """Build the application; a door whose secret is not set is not there (404)."""
    app = FastAPI(title="Tengu", version=__version__, docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(create_health_router(tengu.readiness, tengu.process.revision))
    receive = tengu.store.inbox.receive
    if tengu.process.github_webhook_secret:
        app.include_router(create_github_router(tengu.process.github_webhook_secret, receive))
    if tengu.process.slack_signing_secret:
        app.include_router(create_slack_router(tengu.process.slack_signing_secret, receive))
    return app

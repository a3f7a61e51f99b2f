"""The stand-in's HTTP side: one POST for each Web API method, form or JSON, token checked."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl

from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from tengu.sandbox.slack.methods import METHODS, Arguments, SlackError
from tengu.sandbox.slack.workspace import BOT_TOKEN, Workspace

_JSON_ARGUMENTS = ("blocks", "metadata", "attachments")


class WebApi:
    """Serves the methods.

    Args:
        missing_scopes: scopes that the bot token lacks; methods that need one answer `missing_scope`.
        token: the only one that is taken; change it to see `invalid_auth`.
    """

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.token = BOT_TOKEN
        self.missing_scopes: set[str] = set()

    def create_app(self) -> FastAPI:
        """The ASGI app; methods live at `/api/METHOD`."""
        app = FastAPI(openapi_url=None)

        @app.post("/api/{method}")
        async def call(method: str, request: Request) -> Response:
            body = await request.body()
            return await run_in_threadpool(self.answer, method, request, body)

        return app

    def answer(self, method: str, request: Request, body: bytes) -> Response:
        """Carry out one call; errors are `ok: false` with status 200, as Slack does it."""
        try:
            arguments = _arguments(request, body)
            self._authenticate(request, arguments)
            if method not in METHODS:
                raise SlackError("unknown_method", req_method=method)
            scope, do = METHODS[method]
            if scope in self.missing_scopes:
                raise SlackError("missing_scope", needed=scope, provided="app_mentions:read,commands")
            with self.workspace.lock:
                return JSONResponse({"ok": True, **do(self.workspace, arguments)})
        except SlackError as error:
            return JSONResponse(error.answer)

    def _authenticate(self, request: Request, arguments: Arguments) -> None:
        header = request.headers.get("authorization", "")
        token = header.removeprefix("Bearer ") if header.startswith("Bearer ") else arguments.pop("token", "")
        if not token:
            raise SlackError("not_authed")
        if token != self.token:
            raise SlackError("invalid_auth")


def _arguments(request: Request, body: bytes) -> Arguments:
    arguments: dict[str, Any] = dict(request.query_params)
    if request.headers.get("content-type", "").startswith("application/json"):
        given = _json(body or b"{}", "invalid_json")
        if not isinstance(given, dict):
            raise SlackError("json_not_object")
        return arguments | given
    arguments |= dict(parse_qsl(body.decode(), keep_blank_values=True))
    for name in _JSON_ARGUMENTS:
        if isinstance(arguments.get(name), str):
            arguments[name] = _json(arguments[name], f"invalid_{name}_format")
    return arguments


def _json(text: str | bytes, code: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise SlackError(code) from None

"""`POST /slack/events`: events, slash commands and buttons. Verify, parse, store, answer.

Bolt's synchronous `App` runs in a thread of the pool (its own Starlette handler would block the event loop) and
`process_before_response` makes it answer after its listener, so that 200 means: stored. What counts as signed:
https://docs.slack.dev/authentication/verifying-requests-from-slack
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from slack_bolt import App, BoltRequest, BoltResponse
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.error import BoltUnhandledRequestError
from slack_bolt.middleware.request_verification import RequestVerification

from handlers.body import read_body
from handlers.slack_payloads import (
    Malformed,
    Receive,
    Stored,
    check_shape,
    read_action,
    read_mention,
    read_message,
    read_slash,
)
from tengu.errors import ServiceError
from tengu.secret import Secret

log = logging.getLogger(__name__)
_OUTCOME = "tengu_outcome"  # where a listener leaves what it did, for the one log line
_WRONG_SHAPE = (KeyError, TypeError, AttributeError, ValueError, IndexError)
_ANYTHING = re.compile(".*", re.DOTALL)


def create_slack_router(signing_secret: Secret, receive: Receive) -> APIRouter:
    """The route for everything Slack sends.

    Args:
        signing_secret: SLACK_SIGNING_SECRET.
        receive: stores (key, kind, payload) before the answer; False if the key is known.
    """
    router = APIRouter()
    app = create_slack_app(signing_secret, receive)
    verification = RequestVerification(signing_secret.reveal())

    @router.post("/slack/events")
    async def events(request: Request) -> Response:
        body = await read_body(request)
        return await run_in_threadpool(_answer, app, verification, request.headers, body)

    return router


def create_slack_app(signing_secret: Secret, receive: Receive) -> App:
    """Bolt with Tengu's listeners; for HTTP, and for whatever else feeds Bolt.

    It asks Slack nothing: no token check at start, and its authorisation answers from thin air, because storing a
    request takes no token.
    """
    app = App(
        logger=_silent_logger(),  # one log line a request, and that is ours
        process_before_response=True,
        raise_error_for_unhandled_request=True,
        signing_secret=signing_secret.reveal(),
        token_verification_enabled=False,
        ssl_check_enabled=False,  # answers 200 to unsigned requests
        ignoring_self_events_enabled=False,  # needs a token; the listeners do it
        authorize=lambda **_: AuthorizeResult(enterprise_id=None, team_id=None, bot_token="none"),  # noqa: S106 (no token at all)
    )

    _listen(app, receive)

    @app.error
    def failed(error: Exception, request: BoltRequest) -> BoltResponse:
        return _failure(error, request.context)

    return app


def _listen(app: App, receive: Receive) -> None:
    """Store what the four kinds of requests ask for; Bolt answers when its listener returns."""

    def keep(stored: Stored | None, context: dict[str, Any]) -> None:
        context[_OUTCOME] = "without effect"
        if stored is not None:
            is_new = receive(stored.key, stored.kind, stored.payload)
            context[_OUTCOME] = f"{'stored' if is_new else 'repeated'} as {stored.key}"

    @app.event("app_mention")
    def mention(body: dict[str, Any], context: dict[str, Any]) -> None:
        keep(read_mention(body), context)

    @app.event("message")
    def message(body: dict[str, Any], context: dict[str, Any]) -> None:
        keep(read_message(body), context)

    @app.command(_ANYTHING)
    def slash(ack: Any, body: dict[str, Any], context: dict[str, Any]) -> None:
        stored = read_slash(body)
        keep(stored, context)
        ack(response_type="ephemeral", text=_slash_answer(stored))

    @app.action(_ANYTHING)
    def action(ack: Any, body: dict[str, Any], context: dict[str, Any]) -> None:
        keep(read_action(body), context)
        ack()


def _answer(app: App, verification: RequestVerification, headers: Mapping[str, str], body: bytes) -> Response:
    """Check the signature on the raw bytes before anything reads them, then let Bolt find the listener."""
    what = _describe(headers)
    if not _is_signed(verification, headers, body):
        log.warning("Slack request refused: %s: wrong, stale or missing signature", what)
        return Response("wrong, stale or missing signature: check SLACK_SIGNING_SECRET and this machine's clock\n", 401)
    try:
        request = _to_bolt(headers, body)
    except Malformed as error:
        log.warning("Slack request refused: %s: %s", what, error)
        return Response(f"malformed: {error}\n", 400)
    try:
        response = app.dispatch(request)
    except _WRONG_SHAPE as error:  # Bolt's error handling reads the same fields again
        response = _failure(error, request.context)
    outcome = request.context.get(_OUTCOME, "answered")
    level = logging.INFO if response.status < 400 else logging.WARNING if response.status < 500 else logging.ERROR
    log.log(level, "Slack request %d: %s: %s", response.status, what, outcome)
    return Response(
        response.body, response.status, {"content-type": response.first_headers().get("content-type", "text/plain")}
    )


def _is_signed(verification: RequestVerification, headers: Mapping[str, str], body: bytes) -> bool:
    """Bolt's own check (HMAC in constant time, five minutes of freshness), on whatever somebody may send."""
    timestamp = headers.get("x-slack-request-timestamp", "")
    signature = headers.get("x-slack-signature", "")
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) < 20 and signature.isascii()):
        return False
    try:
        return bool(verification.verifier.is_valid(body, timestamp, signature))
    except UnicodeDecodeError:
        return False  # Slack sends UTF-8


def _to_bolt(headers: Mapping[str, str], body: bytes) -> BoltRequest:
    text = body.decode()
    check_shape(_parse(text, headers.get("content-type", "")))
    try:
        return BoltRequest(body=text, headers=dict(headers))
    except (*_WRONG_SHAPE, RecursionError) as error:
        raise Malformed("the body is not what Slack sends") from error


def _parse(text: str, content_type: str) -> Any:
    """As Bolt will do it, but saying what is wrong."""
    try:
        if content_type.startswith("application/json") or text.startswith("{"):
            return json.loads(text)
        form = dict(parse_qsl(text, keep_blank_values=True, max_num_fields=200))
        return json.loads(form["payload"]) if "payload" in form else form
    except (ValueError, RecursionError) as error:
        raise Malformed("the body is not JSON, or not a form") from error


def _failure(error: Exception, context: dict[str, Any]) -> BoltResponse:
    """What went wrong between the signature and the row: only 5xx makes Slack send it again."""
    if isinstance(error, BoltUnhandledRequestError):
        context[_OUTCOME] = "without effect: nothing listens to it"
        return BoltResponse(status=200)
    if isinstance(error, Malformed):
        context[_OUTCOME] = f"malformed: {error}"
        return BoltResponse(status=400, body=f"malformed: {error}\n")
    if isinstance(error, ServiceError):
        context[_OUTCOME] = f"not stored: {error}"
        return BoltResponse(status=503, body="not stored: the database is away; send it again\n")
    if isinstance(error, _WRONG_SHAPE) and _OUTCOME not in context:  # Bolt looked for fields that are not there
        context[_OUTCOME] = f"malformed: {error!r}"
        return BoltResponse(status=400, body="malformed: the body is not what Slack sends\n")
    context[_OUTCOME] = f"not stored, and that is a bug: {error!r}"
    return BoltResponse(status=500, body="not stored\n")


def _slash_answer(stored: Stored) -> str:
    text = stored.payload["text"].replace("`", "'").strip() or "help"
    where = "here" if stored.payload["channel_type"] == "im" else "in the app's channel"
    return f"On it: `{text[:200]}`. I answer {where}."


def _describe(headers: Mapping[str, str]) -> str:
    retry = headers.get("x-slack-retry-num", "")[:5]
    return f"/slack/events{f' (retry {retry!r})' if retry else ''}"


def _silent_logger() -> logging.Logger:
    return logging.Logger("slack_bolt", logging.CRITICAL + 1)

"""`POST /github/webhook`: verify the signature, parse, store, answer 202.

Signature: https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
Only the few facts that use cases need are stored; everything else is looked up when it is needed.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
from collections.abc import Callable, Mapping
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool

from handlers.body import read_body
from tengu.errors import ServiceError
from tengu.secret import Secret

log = logging.getLogger(__name__)

MAX_BODY = 25 * 1024 * 1024  # GitHub's own cap on payloads
Receive = Callable[[str, str, Mapping[str, Any]], bool]


class Malformed(Exception):
    """The payload is not what its event name promises."""


def create_github_router(secret: Secret, receive: Receive) -> APIRouter:
    """Routes for GitHub's webhooks.

    Args:
        secret: the webhook's secret.
        receive: stores (key, kind, payload) before the answer; False if the key is known.
    """
    router = APIRouter()

    @router.post("/github/webhook")
    async def webhook(request: Request) -> Response:
        body = await read_body(request, MAX_BODY)
        event = request.headers.get("x-github-event", "")
        delivery = request.headers.get("x-github-delivery", "")
        if not is_signed(secret, body, request.headers.get("x-hub-signature-256", "")):
            log.warning("GitHub webhook refused: event=%r delivery=%r: wrong or missing signature", event, delivery)
            return Response("wrong or missing signature: is GITHUB_WEBHOOK_SECRET the webhook's secret?\n", 401)
        try:
            payload = parse(event, body)
        except Malformed as error:
            log.warning("GitHub webhook refused: event=%r delivery=%r: %s", event, delivery, error)
            return Response(f"malformed: {error}\n", 400)
        if payload is None or not delivery:
            log.info("GitHub webhook without effect: event=%r delivery=%r", event, delivery)
            return Response(status_code=202)
        return await run_in_threadpool(_store, receive, delivery, event, payload)

    return router


def _store(receive: Receive, delivery: str, event: str, payload: Mapping[str, Any]) -> Response:
    try:
        is_new = receive(f"github:{delivery}", f"github.{event}", payload)
    except ServiceError as error:
        log.error("GitHub webhook not stored: event=%r delivery=%r: %s", event, delivery, error)
        return Response("the database is away; reconcile will find it, or redeliver later\n", 503)
    log.info("GitHub webhook %s: event=%r delivery=%r", "stored" if is_new else "repeated", event, delivery)
    return Response(status_code=202)


def is_signed(secret: Secret, body: bytes, signature: str) -> bool:
    """True if `signature` is `sha256=` and the HMAC of the raw body; compared in constant time."""
    expected = "sha256=" + hmac.new(secret.reveal().encode(), body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected.encode(), signature.encode())


def parse(event: str, body: bytes) -> Mapping[str, Any] | None:
    """The facts that are kept of a payload; None for events that have no effect.

    Raises:
        Malformed: the body is not JSON, or lacks what the event promises.
    """
    try:
        data = json.loads(body)
    except ValueError as error:
        raise Malformed("the body is not JSON") from error
    if not isinstance(data, dict):
        raise Malformed("the body is not a JSON object")
    reader = _READERS.get(event)
    if reader is None:
        return None
    try:
        return reader(data)
    except (KeyError, TypeError, AttributeError) as error:
        raise Malformed(f"a {event} payload lacks {error}") from error


def _pull_request(data: Mapping[str, Any]) -> Mapping[str, Any]:
    request = data["pull_request"]
    merged_by = request.get("merged_by") or {}
    before = (data.get("changes") or {}).get("body") or {}
    return {
        "action": str(data["action"]),
        "repository": str(data["repository"]["full_name"]),
        "number": int(request["number"]),
        "base": str(request["base"]["ref"]),
        "merged": bool(request.get("merged")),
        "merge_commit": request.get("merge_commit_sha"),
        "merged_by": merged_by.get("login"),
        "sender": str(data["sender"]["login"]),
        "body": request.get("body") or "",
        "body_before": before.get("from"),
    }


def _push(data: Mapping[str, Any]) -> Mapping[str, Any]:
    return {
        "repository": str(data["repository"]["full_name"]),
        "ref": str(data["ref"]),
        "after": str(data["after"]),
        "forced": bool(data["forced"]),
        "sender": str(data["sender"]["login"]),
    }


_READERS: Mapping[str, Callable[[Mapping[str, Any]], Mapping[str, Any]]] = {
    "pull_request": _pull_request,
    "push": _push,
}

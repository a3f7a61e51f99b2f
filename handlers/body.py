"""Reading a request's body without letting it fill the memory."""

from __future__ import annotations

import logging

from fastapi import HTTPException, Request
from starlette.requests import ClientDisconnect

log = logging.getLogger(__name__)

MAX_BODY = 25 * 1024 * 1024


async def read_body(request: Request, limit: int = MAX_BODY) -> bytes:
    """The whole body of at most `limit` bytes.

    Raises:
        HTTPException: 413 as soon as it is known to be longer (by its `content-length`, or while it comes in);
            400 if the client went away or sent a length that is not a number. Each writes one log line.
    """
    declared = request.headers.get("content-length", "0")
    if not (declared.isascii() and declared.isdigit()):
        raise _refuse(request, 400, "its content-length is not a number")
    if int(declared[:20]) > limit:
        raise _refuse(request, 413, f"longer than {limit} bytes")
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > limit:
                raise _refuse(request, 413, f"longer than {limit} bytes")
    except ClientDisconnect:
        raise _refuse(request, 400, "the client went away in the middle of it") from None
    return bytes(body)


def _refuse(request: Request, status: int, why: str) -> HTTPException:
    log.warning("request refused: %s %s: %s", request.method, request.url.path, why)
    return HTTPException(status, f"request refused: {why}")

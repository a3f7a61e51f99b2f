"""An ASGI app that hands every request on to ministack."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from urllib.parse import parse_qs

import httpx

from tengu.sandbox.faults import App, Receive, Scope, Send

# Hop-by-hop headers (RFC 9110, 7.6.1) and those that httpx and uvicorn set themselves.
_OWN = {b"connection", b"keep-alive", b"transfer-encoding", b"te", b"upgrade", b"expect", b"date", b"server"}
_SERVICES = {
    "AmazonEC2ContainerServiceV20141113": "ecs",
    "AmazonEC2ContainerRegistry_V20150921": "ecr",
    "Logs_20140328": "logs",
}


def call_name(scope: Scope, body: bytes) -> str:
    """`ecs.UpdateService`, `sts.AssumeRole`, `registry PUT /v2/web/manifests/x`, else `GET /path`."""
    headers = dict(scope["headers"])
    target = headers.get(b"x-amz-target", b"").decode("latin-1")
    if target:
        prefix, _, action = target.partition(".")
        return f"{_SERVICES.get(prefix, prefix)}.{action}"
    path = f"{scope['method']} {scope['path']}"
    if scope["path"].startswith("/v2"):
        return f"registry {path}"
    action = parse_qs(body.decode("latin-1")).get("Action", [""])[0] if len(body) < 100_000 else ""
    return f"sts.{action}" if action else path


class Proxy:
    """Streams requests and answers through, also large layers of images."""

    def __init__(self, upstream: str) -> None:
        self._upstream = upstream
        self._client: httpx.AsyncClient | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        client = self._client
        if client is None:
            raise RuntimeError("the proxy is not running")
        path = scope["raw_path"].decode("latin-1")
        query = scope["query_string"].decode("latin-1")
        headers = [(key, value) for key, value in scope["headers"] if key.lower() not in _OWN]
        request = client.build_request(
            scope["method"],
            f"{self._upstream}{path}" + (f"?{query}" if query else ""),
            headers=headers,
            content=_content(receive),
        )
        if not any(key.lower() in (b"content-length", b"transfer-encoding") for key, _ in scope["headers"]):
            request.headers.pop("transfer-encoding", None)
        await self._answer(client, request, send)

    async def _answer(self, client: httpx.AsyncClient, request: httpx.Request, send: Send) -> None:
        try:
            answer = await client.send(request, stream=True)
        except httpx.HTTPError as error:
            await send({"type": "http.response.start", "status": 502, "headers": []})
            await send({"type": "http.response.body", "body": f"ministack did not answer: {error!r}".encode()})
            return
        headers = [(key, value) for key, value in answer.headers.raw if key.lower() not in _OWN]
        await send({"type": "http.response.start", "status": answer.status_code, "headers": headers})
        try:
            async for chunk in answer.aiter_raw():
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        finally:
            await answer.aclose()

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        timeout = httpx.Timeout(300.0, connect=5.0)
        # Without TCP_NODELAY each call waits 40 ms for a delayed acknowledgement.
        transport = httpx.AsyncHTTPTransport(
            limits=httpx.Limits(max_connections=200), socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]
        )
        async with httpx.AsyncClient(timeout=timeout, transport=transport, trust_env=False) as client:
            self._client = client
            await send({"type": "lifespan.startup.complete"})
            await receive()
            self._client = None
        await send({"type": "lifespan.shutdown.complete"})


async def _content(receive: Receive) -> AsyncIterator[bytes]:
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        more = message.get("more_body", False)
        if message.get("body"):
            yield message["body"]


class Switch:
    """Layers of images go straight through: a fault would have to hold them in memory.

    Args:
        guarded: for everything else.
        straight: for blobs.
    """

    def __init__(self, guarded: App, straight: App) -> None:
        self._guarded = guarded
        self._straight = straight

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        blobs = scope["type"] == "http" and scope["path"].startswith("/v2/") and "/blobs/" in scope["path"]
        await (self._straight if blobs else self._guarded)(scope, receive, send)

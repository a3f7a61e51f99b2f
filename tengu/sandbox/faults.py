"""Makes a stand-in go wrong on purpose, and remembers what it was asked.

One ASGI middleware for all stand-ins. A *call* has a name (`POST /repos/acme/web/pulls`, `chat.postMessage`,
`ecs.UpdateService`); a fault is set for names that match a shell pattern.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


@dataclass
class Fault:
    """One thing that goes wrong.

    Args:
        pattern: shell pattern on the call's name.
        status, body, headers: what is answered instead; status None lets the stand-in answer itself.
        times: how often; below 0 for ever.
        after: the stand-in does its work first, then the answer is replaced (the lost answer).
        hook: called (in a thread) when it strikes, before anything is answered; may block.
    """

    pattern: str
    status: int | None = None
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)
    times: int = 1
    after: bool = False
    hook: Callable[[str], None] | None = None


class Faults:
    """Wraps a stand-in's ASGI app.

    Args:
        app: the stand-in.
        name: tells a call's name from its ASGI scope and body.
    """

    def __init__(self, app: App, name: Callable[[Scope, bytes], str]) -> None:
        self._app = app
        self._name = name
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self.calls: list[str] = []
        self.down = False

    def add(self, fault: Fault) -> Fault:
        """Let this go wrong from now on."""
        with self._lock:
            self._faults.append(fault)
        return fault

    def clear(self) -> None:
        """Nothing goes wrong any more, and the memory of calls is empty."""
        with self._lock:
            self._faults.clear()
            self.calls.clear()
            self.down = False

    def count(self, pattern: str) -> int:
        """How many calls with such a name came in."""
        with self._lock:
            return sum(fnmatchcase(call, pattern) for call in self.calls)

    def _strike(self, call: str) -> Fault | None:
        with self._lock:
            self.calls.append(call)
            for fault in self._faults:
                if fault.times != 0 and fnmatchcase(call, fault.pattern):
                    fault.times -= 1
                    return fault
        return None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = await _read(receive)
        call = self._name(scope, body)
        fault = self._strike(call)
        if self.down:
            fault = Fault(call, status=503)
        if fault is None:
            await self._app(scope, _replay(body, receive), send)
            return
        if fault.after:
            await self._app(scope, _replay(body, receive), _swallow if fault.status is not None else send)
        if fault.hook is not None:
            await asyncio.to_thread(fault.hook, call)
        if fault.status is None and not fault.after:
            await self._app(scope, _replay(body, receive), send)
        elif fault.status is not None:
            await _answer(send, fault, fault.status)


async def _read(receive: Receive) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            break
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


def _replay(body: bytes, receive: Receive) -> Receive:
    first = True

    async def replay() -> dict[str, Any]:
        nonlocal first
        if first:
            first = False
            return {"type": "http.request", "body": body, "more_body": False}
        return await receive()

    return replay


async def _swallow(_message: dict[str, Any]) -> None:
    return


async def _answer(send: Send, fault: Fault, status: int) -> None:
    headers = {"content-type": "application/json", **fault.headers}
    raw = [(key.encode(), value.encode()) for key, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": fault.body})

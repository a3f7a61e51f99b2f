"""Sends webhooks as GitHub does: signed, in order, once.

https://docs.github.com/webhooks/using-webhooks: signature in X-Hub-Signature-256, ten seconds to answer, no
retry by itself; a redelivery carries the same X-GitHub-Delivery.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx

TIMEOUT = 10.0
AGENT = "GitHub-Hookshot/stand-in"


@dataclass(eq=False)
class Delivery:
    """One webhook.

    Args:
        status: HTTP status it was answered with; 0 while it waits; -1 if it was dropped or nobody answered.
        detail: `dropped`, or what went wrong.
        attempts: how often it was sent.
    """

    id: str
    event: str
    action: str
    body: bytes
    status: int = 0
    detail: str = ""
    attempts: int = 0

    @property
    def payload(self) -> dict[str, Any]:
        """What is in it."""
        return json.loads(self.body)  # type: ignore[no-any-return]  # we wrote it


@dataclass
class Hook:
    """Where webhooks go."""

    id: int
    url: str
    secret: str
    events: frozenset[str] = field(default_factory=frozenset)


class Webhooks:
    """The one webhook of the stand-in, and its deliveries."""

    def __init__(self) -> None:
        self.hook: Hook | None = None
        self.deliveries: list[Delivery] = []
        self._queue: queue.Queue[Delivery | None] = queue.Queue()
        self._drop = 0
        self._idle = threading.Condition()
        self._open = 0
        self._thread: threading.Thread | None = None

    def configure(self, hook: Hook | None) -> None:
        """Send there from now on; None sends nowhere (then nothing is recorded either)."""
        self.hook = hook
        if hook and self._thread is None:
            self._thread = threading.Thread(target=self._run, name="github-webhooks", daemon=True)
            self._thread.start()

    def wants(self, event: str) -> bool:
        """True if somebody listens for it."""
        return self.hook is not None and (not self.hook.events or event in self.hook.events or event == "ping")

    def send(self, event: str, build: Callable[[], dict[str, Any]]) -> None:
        """Queue a delivery; what is in it is fixed now."""
        if not self.wants(event):
            return
        payload = build()
        delivery = Delivery(str(uuid4()), event, payload.get("action", ""), json.dumps(payload).encode())
        self.deliveries.append(delivery)
        if self._drop > 0:
            self._drop -= 1
            delivery.status, delivery.detail = -1, "dropped"
            return
        self._enqueue(delivery)

    def drop_next(self, count: int = 1) -> None:
        """Lose the next deliveries: they are listed, and never sent."""
        self._drop += count

    def redeliver(self, delivery_id: str) -> Delivery:
        """Send one again, under the same id, as the button on GitHub's page does."""
        delivery = next(one for one in self.deliveries if one.id == delivery_id)
        self._enqueue(delivery)
        return delivery

    def last(self, event: str, action: str = "") -> Delivery:
        """The newest delivery of that event (and action). Raises LookupError."""
        for delivery in reversed(self.deliveries):
            if delivery.event == event and action in ("", delivery.action):
                return delivery
        raise LookupError(f"no webhook {event} {action} was sent")

    def wait_idle(self, timeout: float = 15) -> None:
        """Wait until everything that was queued has been answered. Raises TimeoutError."""
        with self._idle:
            if not self._idle.wait_for(lambda: self._open == 0, timeout):
                raise TimeoutError(f"{self._open} webhooks are still under way after {timeout} s")

    def stop(self) -> None:
        """Stop sending."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join(TIMEOUT + 5)
            self._thread = None

    def _enqueue(self, delivery: Delivery) -> None:
        with self._idle:
            self._open += 1
        self._queue.put(delivery)

    def _run(self) -> None:
        with httpx.Client(timeout=TIMEOUT, trust_env=False) as client:
            while (delivery := self._queue.get()) is not None:
                _deliver(client, delivery, self.hook)
                with self._idle:
                    self._open -= 1
                    self._idle.notify_all()


def _deliver(client: httpx.Client, delivery: Delivery, hook: Hook | None) -> None:
    if hook is None:
        delivery.status, delivery.detail = -1, "no webhook is configured any more"
        return
    delivery.attempts += 1
    try:
        answer = client.post(hook.url, content=delivery.body, headers=headers(delivery, hook))
    except httpx.HTTPError as error:
        delivery.status, delivery.detail = -1, f"{type(error).__name__}: {error}"
        return
    delivery.status, delivery.detail = answer.status_code, answer.text[:200]


def headers(delivery: Delivery, hook: Hook) -> dict[str, str]:
    """The headers GitHub sends with it."""
    return {
        "Accept": "*/*",
        "Content-Type": "application/json",
        "User-Agent": AGENT,
        "X-GitHub-Delivery": delivery.id,
        "X-GitHub-Event": delivery.event,
        "X-GitHub-Hook-ID": str(hook.id),
        "X-GitHub-Hook-Installation-Target-Type": "integration",
        "X-Hub-Signature-256": "sha256=" + _sign(hook.secret, delivery.body, hashlib.sha256),
        "X-Hub-Signature": "sha1=" + _sign(hook.secret, delivery.body, hashlib.sha1),
    }


def _sign(secret: str, body: bytes, digest: Callable[..., Any]) -> str:
    return hmac.new(secret.encode(), body, digest).hexdigest()

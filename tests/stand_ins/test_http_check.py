"""The health check against a small application on loopback."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tengu.adapters.http_check import HttpHealthCheck
from tengu.errors import Refused
from tengu.ports.health import HealthAnswer
from tengu.sandbox.faults import Receive, Scope, Send
from tengu.sandbox.server import Server

ROUTES: dict[str, tuple[int, dict[str, str], bytes]] = {
    "/healthz": (200, {}, json.dumps({"commit": "c0ffee", "number": 7}).encode()),
    "/list": (200, {}, b"[1]"),
    "/text": (200, {}, b"fine"),
    "/down": (503, {}, b"secret stack trace"),
    "/moved": (302, {"location": "/healthz"}, b""),
    "/away": (302, {"location": "http://example.com/healthz"}, b""),
    "/metadata": (302, {"location": "http://169.254.169.254/latest"}, b""),
    "/loop": (302, {"location": "/loop"}, b""),
    "/huge": (200, {}, b" " * 1_000_001),
}


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    status, headers, body = ROUTES[scope["path"]]
    raw = [(key.encode(), value.encode()) for key, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with Server(application) as server:
        yield server.url


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/healthz", HealthAnswer(200, "c0ffee", "")),
        ("/list", HealthAnswer(200, None, "")),
        ("/text", HealthAnswer(200, None, "")),
        ("/down", HealthAnswer(503, None, "")),
        ("/moved", HealthAnswer(200, "c0ffee", "")),
        ("/away", HealthAnswer(None, None, "it redirects to another host")),
        ("/metadata", HealthAnswer(None, None, "it redirects to another host")),
        ("/loop", HealthAnswer(None, None, "it redirects too often")),
        ("/huge", HealthAnswer(200, None, "its answer is larger than 1 MB")),
    ],
)
def test_answers(url: str, path: str, answer: HealthAnswer) -> None:
    assert HttpHealthCheck().ask(url + path, "commit") == answer


def test_without_a_field_the_body_is_not_read(url: str) -> None:
    assert HttpHealthCheck().ask(f"{url}/huge", None) == HealthAnswer(200, None, "")


def test_nobody_answers(url: str) -> None:
    with Server(application) as gone:
        address = gone.url
    answer = HttpHealthCheck().ask(f"{address}/healthz", None)
    assert (answer.status, answer.problem) == (None, "no answer (ConnectError)")


@pytest.mark.parametrize(
    "address",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://169.254.170.2/v2/credentials",
        "http://[fd00:ec2::254]/latest",
        "http://[fe80::1]/",
        "http://[::ffff:169.254.169.254]/",
        "file:///etc/passwd",
        "ftp://example.com/",
        "http:///nowhere",
    ],
)
def test_addresses_that_are_never_asked(address: str) -> None:
    with pytest.raises(Refused) as refusal:
        HttpHealthCheck().ask(address, None)
    assert refusal.value.code == "check_url_refused"

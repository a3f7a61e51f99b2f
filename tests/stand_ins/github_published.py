"""Holds answers and webhooks against what GitHub publishes (github_published.json, see scripts/)."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import httpx
from jsonschema import Draft202012Validator, FormatChecker

from tengu.sandbox.github import GitHubStandIn

_ANY_FORMAT = FormatChecker(formats=())


@_ANY_FORMAT.checks("date-time")
def _is_time(value: object) -> bool:
    return (
        not isinstance(value, str)
        or re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)", value) is not None
    )


@cache
def published() -> dict[str, Any]:
    """What GitHub publishes, as far as it was kept."""
    text = Path(__file__).with_name("github_published.json").read_text(encoding="utf-8")
    return json.loads(text)  # type: ignore[no-any-return]


@cache
def _validator(kind: str, name: str, status: str) -> Draft202012Validator:
    schema = published()[kind][name]
    return Draft202012Validator(
        {**(schema[status] if status else schema), "$defs": published()["$defs"]}, format_checker=_ANY_FORMAT
    )


def _problems(validator: Draft202012Validator, value: object) -> list[str]:
    return [f"{'.'.join(map(str, error.path))}: {error.message[:200]}" for error in validator.iter_errors(value)]


def webhook_problems(event: str, payload: dict[str, Any]) -> list[str]:
    """What is wrong with a webhook's payload."""
    name = f"{event}.{payload['action']}" if "action" in payload else event
    return _problems(_validator("webhooks", name, ""), payload)


def answer_problems(operation: str, status: int, body: object) -> list[str]:
    """What is wrong with an answer; a status that is not published for the operation is wrong too, except for
    the 401 and 404 that any operation may answer."""
    responses = published()["rest"][operation]
    if str(status) not in responses:
        return [] if status in (401, 404) else [f"{operation} does not publish status {status}"]
    if not responses[str(status)]:
        return [] if body is None or status >= 400 else [f"{operation} publishes no body for {status}"]
    return _problems(_validator("rest", operation, str(status)), body)


def operation_of(method: str, path: str) -> str | None:
    """The published operation that a call means."""
    found = [name for name in published()["rest"] if _pattern(name).fullmatch(f"{method} {path}")]
    return max(found, key=lambda name: (name.count("/"), -name.count("{"))) if found else None


@cache
def _pattern(name: str) -> re.Pattern[str]:
    wild = re.sub(
        r"\\\{(\w+)\\\}", lambda part: ".+" if part[1] in ("branch", "ref", "basehead") else "[^/]+", re.escape(name)
    )
    return re.compile(wild)


class CheckedClient:
    """A client that holds every answer against what GitHub publishes.

    Args:
        token: sent as bearer; empty for none.
        seen: operations that were called, with the statuses they answered.
    """

    def __init__(self, github: GitHubStandIn, token: str, prefix: str = "") -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._client = httpx.Client(base_url=github.url + prefix, headers=headers, timeout=20)
        self.seen: set[tuple[str, int]] = set()

    def __call__(self, call: str, body: object = None, *, status: int = 200) -> Any:
        """`"GET /repos/acme/web"`; answers with the parsed body."""
        return self.response(call, body, status=status)[1]

    def response(self, call: str, body: object = None, *, status: int = 200) -> tuple[httpx.Response, Any]:
        """The same with the response."""
        method, path = call.split(" ", 1)
        got = self._client.request(method, path, json=body)
        parsed = got.json() if got.content else None
        assert got.status_code == status, f"{call}: {got.status_code} {got.text[:500]}"
        operation = operation_of(method, path.partition("?")[0])
        assert operation is not None, f"{call} is not among the published operations that were kept"
        self.seen.add((operation, status))
        problems = answer_problems(operation, status, parsed)
        assert not problems, f"{call} ({operation}):\n" + "\n".join(problems[:10])
        return got, parsed

    def close(self) -> None:
        """Close its connections."""
        self._client.close()

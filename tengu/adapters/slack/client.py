"""One call to Slack's Web API: time-outs, short retries, and every failure as a ServiceError that says what to do."""

from __future__ import annotations

import http.client
import logging
import re
from collections.abc import Mapping
from typing import Any

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.http_retry import (
    ConnectionErrorRetryHandler,
    FixedValueRetryIntervalCalculator,
    HttpRequest,
    HttpResponse,
    RateLimitErrorRetryHandler,
    RetryHandler,
    RetryState,
)

from tengu.errors import ServiceError
from tengu.secret import Secret

TIMEOUT = 10  # seconds for one attempt
_LONGEST_WAIT = 3  # seconds; a longer Retry-After is the caller's business, who can do something else meanwhile

_TOKEN_ADVICE = "Put a valid bot token (xoxb-…) into SLACK_BOT_TOKEN and restart Tengu."  # noqa: S105  # advice
_ADVICE = {
    "not_in_channel": "Invite @tengu to the channel: /invite @tengu",
    "channel_not_found": "Check `channel` in tengu.yml; if it is a private channel, invite @tengu: /invite @tengu",
    "is_archived": "The channel is archived: set another `channel` in tengu.yml.",
    "invalid_auth": _TOKEN_ADVICE,
    "not_authed": _TOKEN_ADVICE,
    "account_inactive": _TOKEN_ADVICE,
    "token_revoked": _TOKEN_ADVICE,
    "token_expired": _TOKEN_ADVICE,
    "not_allowed_token_type": _TOKEN_ADVICE,
    "no_permission": "Reinstall the Slack app so that the token gets all its scopes.",
    "restricted_action": "A workspace preference forbids it: ask a workspace owner to allow @tengu to post there.",
    "no_such_subteam": "Check the user group ids in `deployers` in tengu.yml.",
    "user_not_found": "Check the Slack user ids in tengu.yml.",
    "user_disabled": "The person's account is deactivated: remove it from tengu.yml.",
}
_TRANSIENT = {
    "fatal_error",
    "internal_error",
    "ratelimited",
    "rate_limited",
    "request_timeout",
    "service_unavailable",
    "team_added_to_org",
    "timeout",
}


class SlackRefusal(Exception):
    """Slack answered `ok: false`; `code` is its error."""

    def __init__(self, code: str, error: ServiceError) -> None:
        super().__init__(code)
        self.code = code
        self.error = error


class _ShortRateLimitHandler(RateLimitErrorRetryHandler):
    """slack_sdk's own, but it never sleeps longer than a few seconds while somebody waits."""

    def _can_retry(
        self,
        *,
        state: RetryState,
        request: HttpRequest,
        response: HttpResponse | None = None,
        error: Exception | None = None,
    ) -> bool:
        waits = _retry_after(response.headers) if response is not None and response.status_code == 429 else None
        return waits is not None and waits <= _LONGEST_WAIT


class SlackClient:
    """Calls methods by name.

    Args:
        url: SLACK_API_URL, ends in a slash.
        pause: seconds between the attempts of a call whose connection failed.
    """

    def __init__(self, token: Secret, url: str, *, timeout: int = TIMEOUT, pause: float = 0.5) -> None:
        quiet = logging.Logger("slack_sdk", logging.CRITICAL)  # it logs each failure that we report ourselves
        base_url = url if url.endswith("/") else url + "/"
        again = ConnectionErrorRetryHandler(1, FixedValueRetryIntervalCalculator(pause))
        limited = _ShortRateLimitHandler(max_retry_count=1)

        def client(handlers: list[RetryHandler]) -> WebClient:
            return WebClient(token.reveal(), base_url, timeout, logger=quiet, retry_handlers=handlers)

        self._reader = client([again, limited])
        self._writer = client([limited])

    def call(self, method: str, **arguments: Any) -> dict[str, Any]:
        """Call a method that may be repeated without harm: a broken connection is tried again.

        Raises:
            SlackRefusal: Slack answered `ok: false`.
            ServiceError: there was no (readable) answer, or a rate limit.
        """
        return _call(self._reader, method, arguments)

    def call_once(self, method: str, **arguments: Any) -> dict[str, Any]:
        """Call a method that has an effect each time: after a broken connection nobody knows, so no retry."""
        return _call(self._writer, method, arguments)


def _call(client: WebClient, method: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    given = {name: value for name, value in arguments.items() if value is not None}
    try:
        response = client.api_call(method, json=given) if _has_structure(given) else client.api_call(method, data=given)
    except SlackApiError as error:
        raise _api_error(method, error) from None
    except (OSError, http.client.HTTPException, SlackClientError, ValueError) as error:
        # OSError covers URLError, TimeoutError and ConnectionError; ValueError an answer that is no UTF-8 or JSON
        reason = getattr(error, "reason", None) or error
        detail = f"no answer: {reason or type(error).__name__}."
        raise ServiceError("Slack", method, detail, advice="", transient=True) from error
    return dict(response.data) if isinstance(response.data, dict) else {}


def _has_structure(arguments: Mapping[str, Any]) -> bool:
    return any(isinstance(value, list | dict) for value in arguments.values())


def _api_error(method: str, error: SlackApiError) -> Exception:
    status = int(error.response.status_code)
    data = error.response.data if isinstance(error.response.data, dict) else {}
    code = str(data.get("error") or f"HTTP {status}")
    if status == 429 or code in ("ratelimited", "rate_limited"):
        wait = _retry_after(error.response.headers) or 1.0
        return ServiceError(
            "Slack", method, f"ratelimited, asks to wait {wait:.0f} s.", transient=True, retry_after=wait
        )
    if status >= 500 or not re.fullmatch(r"[a-z0-9_]+", code):
        return ServiceError("Slack", method, f"answered HTTP {status}.", transient=status >= 500 or status == 200)
    refusal = ServiceError(
        "Slack", method, _detail(code, data), advice=_advice(code, data), transient=code in _TRANSIENT
    )
    return SlackRefusal(code, refusal)


def _detail(code: str, data: Mapping[str, Any]) -> str:
    messages = data.get("errors") or (data.get("response_metadata") or {}).get("messages") or []
    explained = "; ".join(str(message) for message in messages[:3])
    return f"{code} ({explained[:500]})." if explained else f"{code}."


def _advice(code: str, data: Mapping[str, Any]) -> str:
    if code == "missing_scope":
        return f"Add the bot scope {data.get('needed')} to the Slack app and reinstall it (`tengu setup slack`)."
    return _ADVICE.get(code, "")


def _retry_after(headers: Mapping[str, Any]) -> float | None:
    """Seconds of `Retry-After`; slack_sdk hands headers on as strings or as lists of them."""
    for name, value in headers.items():
        if name.lower() == "retry-after":
            text = str(value[0] if isinstance(value, list) else value)
            return float(text) if text.isdigit() else None
    return None

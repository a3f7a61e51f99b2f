"""Every way in which GitHub fails, as one ServiceError that says what a person can do.

https://docs.github.com/en/rest/using-the-rest-api/troubleshooting-the-rest-api and
https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from http.client import responses
from typing import Any, ParamSpec, TypeVar

import requests
from github import GithubException
from jwt.exceptions import PyJWTError

from tengu.domain.text import one_line
from tengu.errors import ServiceError

P = ParamSpec("P")
T = TypeVar("T")
_APP_KEY = "Check GITHUB_APP_ID and GITHUB_APP_PRIVATE_KEY."
_CREDENTIALS = "Check GITHUB_TOKEN (or GITHUB_APP_ID and GITHUB_APP_PRIVATE_KEY): wrong, expired or revoked."
_NOT_SEEN = "Check `repository:` in tengu.yml, and that the token or the GitHub App may see that repository."
_STATUS_PAGE = "https://www.githubstatus.com tells if GitHub has a problem."
_SECONDARY_WAIT = 60.0
_DOWN = range(500, 600)


class Declined(ServiceError):
    """GitHub answered, and the answer was no.

    Args:
        status: HTTP status.
    """

    def __init__(
        self, action: str, status: int, message: str, advice: str, *, transient: bool, retry_after: float | None = None
    ) -> None:
        super().__init__(
            "GitHub", action, f"{status} {message}.", advice=advice, transient=transient, retry_after=retry_after
        )
        self.status = status


class NoAnswer(ServiceError):
    """GitHub did not answer in time."""


class GraphQLTimeout(ServiceError):
    """A GraphQL query took GitHub longer than its limit of ten seconds: ask for less at once."""


@contextmanager
def translated(action: str, *, app: bool = False) -> Iterator[None]:
    """Turn what PyGithub and requests raise into ServiceError.

    Args:
        action: method and path, without query and secrets.
        app: the call proves who the App itself is.
    """
    try:
        yield
    except GithubException as error:
        raise from_answer(action, error.status, error.data, error.headers or {}, app=app) from error
    except requests.exceptions.SSLError as error:
        advice = "Check GITHUB_API_URL and the certificate authorities of this machine."
        raise ServiceError("GitHub", action, f"TLS failed: {_cause(error)}.", advice=advice) from error
    except requests.exceptions.Timeout as error:
        raise NoAnswer("GitHub", action, "no answer in time.", advice=_STATUS_PAGE, transient=True) from error
    except requests.exceptions.RequestException as error:
        advice = f"Check GITHUB_API_URL and this machine's network. {_STATUS_PAGE}"
        detail = f"it cannot be reached: {_cause(error)}."
        raise ServiceError("GitHub", action, detail, advice=advice, transient=True) from error
    except PyJWTError as error:
        raise ServiceError("GitHub", action, "the App's private key cannot be used.", advice=_APP_KEY) from error
    except (ValueError, LookupError, TypeError, AttributeError, RuntimeError, AssertionError) as error:
        # Broken JSON, a missing field, and PyGithub's own checks, like a redirect to another host.
        detail = f"the answer makes no sense: {type(error).__name__} {one_line(str(error), 200)}."
        advice = "Check that GITHUB_API_URL is a GitHub API."
        raise ServiceError("GitHub", action, detail, advice=advice, transient=True) from error


def sensible(method: Callable[P, T]) -> Callable[P, T]:
    """For methods that take answers apart: what does not look like GitHub's is a ServiceError too."""

    @wraps(method)
    def checked(*args: P.args, **kwargs: P.kwargs) -> T:
        with translated(method.__name__):
            return method(*args, **kwargs)

    return checked


def from_answer(action: str, status: int, data: Any, headers: Mapping[str, str], *, app: bool = False) -> Declined:
    """The error behind an answer of 400 or more."""
    message = _message(data).rstrip(".") or responses.get(status, "without a reason")
    wait = _wait(status, data, headers)
    if wait is not None:
        advice = f"GitHub's rate limit is used up; Tengu goes on in {round(wait)} s."
        return Declined(action, status, message, advice, transient=True, retry_after=wait)
    return Declined(action, status, message, _advice(status, headers, app=app), transient=status in (409, *_DOWN))


def _advice(status: int, headers: Mapping[str, str], *, app: bool) -> str:
    if status == 401:
        return _APP_KEY if app else _CREDENTIALS
    if status == 403:
        needed = headers.get("x-accepted-github-permissions", "")
        single_sign_on = " and authorise it for the organisation's single sign-on" if "x-github-sso" in headers else ""
        right = f"the right `{one_line(needed, 100)}`" if needed else "the right that this takes"
        return f"Give the token or the GitHub App {right}{single_sign_on}."
    if status == 404:
        return "Install the GitHub App on that repository, or correct `repository:` in tengu.yml." if app else _NOT_SEEN
    return _STATUS_PAGE if status in _DOWN else ""


def _wait(status: int, data: Any, headers: Mapping[str, str]) -> float | None:
    """Seconds to wait where a rate limit is what refused; None where it is something else."""
    if status not in (403, 429):
        return None
    after = headers.get("retry-after", "")
    if after.isdigit():
        return float(after)
    reset = headers.get("x-ratelimit-reset", "")
    if headers.get("x-ratelimit-remaining") == "0" and reset.isdigit():
        return max(1.0, float(reset) - time.time())
    message = _message(data).lower()
    return _SECONDARY_WAIT if status == 429 or "rate limit" in message or "abuse detection" in message else None


def _message(data: Any) -> str:
    """GitHub's `message` and `errors` in one line."""
    if not isinstance(data, Mapping):
        return ""
    errors = data.get("errors") or ()
    details = [_error(each) for each in errors] if isinstance(errors, list | tuple) else [str(errors)]
    parts = [str(data.get("message") or ""), *details]
    return one_line("; ".join(part for part in parts if part), 400)


def _error(error: Any) -> str:
    if not isinstance(error, Mapping):
        return str(error)
    return str(error.get("message") or " ".join(str(error.get(key) or "") for key in ("field", "code")).strip())


def _cause(error: BaseException) -> str:
    """What the operating system or TLS said, without the layers around it."""
    while True:
        inner = error.__cause__ or getattr(error, "reason", None) or next(
            (each for each in error.args if isinstance(each, BaseException)), None
        )  # fmt: skip
        if not isinstance(inner, BaseException) or inner is error:
            return one_line(str(error) or type(error).__name__, 200).rstrip(".")
        error = inner

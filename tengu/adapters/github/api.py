"""GitHub's REST and GraphQL as JSON: connections, pace, time-outs and short retries.

PyGithub's `Requester` does the talking. Its objects are not used: an attribute that the answer lacked would
fire another request, and its list objects fetch pages while they are read.
"""

from __future__ import annotations

import queue
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

from github import Auth, Github
from github.Requester import Requester

from tengu.adapters.github.credentials import TIMEOUT, USER_AGENT, Credentials
from tengu.adapters.github.failures import Declined, GraphQLTimeout, NoAnswer, from_answer, translated
from tengu.errors import ServiceError
from tengu.secret import Secret

Json = dict[str, Any]
#: Waits before a read is tried again, in seconds; half to all of each.
_RETRIES = (0.5, 1.5)
#: GraphQL's words for its limit of ten seconds.
_TIMEOUT_WORDS = ("something went wrong while executing your query", "timeout", "timedout")


class _CurrentToken(Auth.Auth):
    """PyGithub authentication that asks for the token at each request."""

    def __init__(self, current: Callable[[], Secret]) -> None:
        self._current = current

    @property
    def token_type(self) -> str:
        return "Bearer"

    @property
    def token(self) -> str:
        return self._current().reveal()

    @property
    def _masked_token(self) -> str:
        return "Bearer ***"


class GitHubApi:
    """One GitHub, for all repositories and threads.

    A PyGithub connection keeps the request it is about to send in itself, so two threads must not share one:
    connections are taken from a pool for one request each.

    Args:
        seconds_between_writes: GitHub asks for one second between requests that change something.
    """

    def __init__(
        self,
        credentials: Credentials,
        base_url: str,
        *,
        seconds_between_writes: float = 1.0,
        retry_waits: tuple[float, ...] = _RETRIES,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.credentials = credentials
        self._base_url = base_url.rstrip("/")
        self._pause = seconds_between_writes
        self._retry_waits = retry_waits
        self._sleep = sleep
        self._lock = threading.Lock()
        self._next_write = 0.0
        self._idle: dict[str, queue.LifoQueue[Requester]] = {}

    def get(self, repository: str, path: str, **parameters: Any) -> Any:
        """GET; `path` is below the API's root and quoted. Tried again where that can help."""
        return self._retried(lambda: self._send(repository, "GET", path, parameters=parameters))

    def find(self, repository: str, path: str, **parameters: Any) -> Any | None:
        """GET where 404 is an answer: None."""
        try:
            return self.get(repository, path, **parameters)
        except Declined as error:
            if error.status == 404:
                return None
            raise

    def change(self, repository: str, verb: str, path: str, body: Mapping[str, Any]) -> Any:
        """POST or PATCH, once, paced."""
        self._pace()
        return self._send(repository, verb, path, body=body)

    def query(self, repository: str, query: str, variables: Mapping[str, Any]) -> Json:
        """A GraphQL query (no mutation): its `data`.

        Raises:
            GraphQLTimeout: GitHub's limit of ten seconds; not tried again with the same size.
        """
        data: Json = self._retried(lambda: self._query(repository, query, variables))
        return data

    def close(self) -> None:
        """Close the connections that are not in use."""
        for pool in self._idle.values():
            while not pool.empty():
                pool.get_nowait().close()

    def _query(self, repository: str, query: str, variables: Mapping[str, Any]) -> Json:
        action, body = "POST /graphql", {"query": query, "variables": dict(variables)}
        try:
            answer = self._send(repository, "POST", "", body=body, graphql=True)
        except ServiceError as error:
            if isinstance(error, NoAnswer) or (isinstance(error, Declined) and error.status in (502, 504)):
                raise GraphQLTimeout("GitHub", action, error.detail, advice=error.advice, transient=True) from error
            raise
        errors = answer.get("errors")
        if not errors:
            return _object(answer.get("data"), action)
        failure = from_answer(action, 200, answer, {})
        kinds = {str(error.get("type")) for error in errors}
        if "RATE_LIMITED" in kinds:
            raise from_answer(action, 429, answer, {})
        if kinds & {"FORBIDDEN", "NOT_FOUND"}:
            raise from_answer(action, 403 if "FORBIDDEN" in kinds else 404, answer, {})
        if any(word in failure.detail.lower() for word in _TIMEOUT_WORDS):
            raise GraphQLTimeout("GitHub", action, failure.detail, transient=True)
        raise failure

    def _send(
        self,
        repository: str,
        verb: str,
        path: str,
        *,
        parameters: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        graphql: bool = False,
    ) -> Any:
        action = f"{verb} {'/graphql' if graphql else path}"
        try:
            with translated(action), self._connection(repository) as requester:
                url = requester.graphql_url if graphql else path
                headers, answer = requester.requestJsonAndCheck(verb, url, dict(parameters or {}), input=body)
        except Declined as error:
            if error.status == 401:
                self.credentials.forget(repository)
            raise
        if str(headers.get("status", "")).startswith("30") or (isinstance(answer, dict) and _moved(answer)):
            advice = f"{repository} was renamed or moved: correct `repository:` in tengu.yml."
            raise ServiceError("GitHub", action, "it answered with a redirect.", advice=advice)
        return answer

    @contextmanager
    def _connection(self, repository: str) -> Iterator[Requester]:
        with self._lock:
            pool = self._idle.setdefault(repository, queue.LifoQueue())
        try:
            requester = pool.get_nowait()
        except queue.Empty:
            requester = self._new_connection(repository)
        try:
            yield requester
        finally:
            pool.put(requester)

    def _new_connection(self, repository: str) -> Requester:
        return Github(
            auth=_CurrentToken(lambda: self.credentials.token(repository)),
            base_url=self._base_url,
            timeout=TIMEOUT,
            user_agent=USER_AGENT,
            per_page=100,
            retry=None,
            seconds_between_requests=0,
            seconds_between_writes=0,
        ).requester

    def _pace(self) -> None:
        with self._lock:
            now = time.monotonic()
            start = max(now, self._next_write)
            self._next_write = start + self._pause
        if start > now:
            self._sleep(start - now)

    def _retried(self, call: Callable[[], Any]) -> Any:
        for wait in self._retry_waits:
            try:
                return call()
            except GraphQLTimeout:
                raise
            except ServiceError as error:
                if not error.transient or error.retry_after is not None:
                    raise
            self._sleep(wait * random.uniform(0.5, 1))  # noqa: S311 - jitter, no secret
        return call()


def path(*parts: object) -> str:
    """A path below the API's root from parts that are quoted; a slash in a part stays (branches, owner/name)."""
    return "/" + "/".join(quote(str(part), safe="/") for part in parts)


def _moved(answer: Json) -> bool:
    return set(answer) >= {"message", "url", "documentation_url"} and "Moved" in str(answer["message"])


def _object(value: Any, action: str) -> Json:
    if not isinstance(value, dict):
        raise ServiceError("GitHub", action, "the answer has no data.", transient=True)
    return value

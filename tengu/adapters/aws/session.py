"""boto3 sessions for a region and a role, with credentials that refresh themselves.

A chained role lasts an hour (https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles.html), a rollout with a
migration may last longer: botocore's assume-role credentials ask again before they expire.
"""

from __future__ import annotations

import os
import threading
from typing import Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials
from botocore.exceptions import NoCredentialsError

CONNECT_TIMEOUT = 5
READ_TIMEOUT = 10
TRIES = 3  # with back-off that stays well below a minute even if each times out: a call must end before the lease does


def _config(tries: int) -> Config:
    retries: Any = {"mode": "adaptive", "total_max_attempts": tries}
    return Config(connect_timeout=CONNECT_TIMEOUT, read_timeout=READ_TIMEOUT, retries=retries, user_agent_extra="tengu")


class Sessions:
    """One boto3 session for each (region, role); safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sessions: dict[tuple[str | None, str | None], boto3.session.Session] = {}

    def session(self, region: str | None, role_arn: str | None) -> boto3.session.Session:
        """The session of that region and role; None means what the SDK finds by itself."""
        with self._lock:
            key = (region, role_arn)
            if key not in self._sessions:
                self._sessions[key] = _session(region, role_arn)
            return self._sessions[key]

    def client(self, service: str, region: str | None, role_arn: str | None, *, tries: int = TRIES) -> Any:
        """A client with Tengu's time-outs that tries a call so many times."""
        session = self.session(region, role_arn)
        with self._lock:  # creating one is not thread-safe in boto3
            return session.client(service, config=_config(tries))  # type: ignore[call-overload]  # the name is a variable


def _session(region: str | None, role_arn: str | None) -> boto3.session.Session:
    # boto3 reads AWS_DEFAULT_REGION alone; AWS_REGION is what ECS and Lambda set for a container, and every other SDK.
    region = region or os.environ.get("AWS_REGION") or None
    base = botocore.session.Session()
    if region is not None:
        base.set_config_variable("region", region)
    if role_arn is None:
        return boto3.session.Session(botocore_session=base)
    source = base.get_credentials()
    if source is None:
        raise NoCredentialsError
    fetcher = AssumeRoleCredentialFetcher(
        client_creator=_StsClients(base).create,
        source_credentials=source,
        role_arn=role_arn,
        extra_args={"RoleSessionName": "tengu"},
    )
    assumed = botocore.session.Session()
    if region is not None:
        assumed.set_config_variable("region", region)
    # botocore has no public way to give a session credentials that refresh themselves (set_credentials takes keys).
    credentials = DeferredRefreshableCredentials(fetcher.fetch_credentials, "assume-role")
    setattr(assumed, "_credentials", credentials)  # noqa: B010 (boto3 has no public way to set it)
    return boto3.session.Session(botocore_session=assumed)


class _StsClients:
    """Creates the STS client with our time-outs; botocore's fetcher passes only the source credentials."""

    def __init__(self, session: botocore.session.Session) -> None:
        self._session = session

    def create(self, service: str, **credentials: Any) -> Any:
        return self._session.create_client(service, config=_config(TRIES), **credentials)

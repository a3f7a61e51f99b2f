"""Logins for Amazon ECR (GetAuthorizationToken): a token is good for 12 hours and every registry of the role."""

from __future__ import annotations

import base64
import threading
from datetime import UTC, datetime, timedelta

from tengu.adapters.aws.errors import aws_errors
from tengu.adapters.aws.session import Sessions
from tengu.ports.image import RegistryCredentials
from tengu.secret import Secret

# A push of a large image may take long; it must not begin with a token that ends on the way.
_LEFT_AT_LEAST = timedelta(hours=1)


class EcrLogin:
    """Callable (region, role_arn, host) -> login; remembers tokens. Raises ServiceError("AWS ECR", …)."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._lock = threading.Lock()
        self._tokens: dict[tuple[str, str | None], tuple[str, datetime]] = {}

    def __call__(self, region: str, role_arn: str | None, host: str) -> RegistryCredentials:
        with self._lock:
            token, expires = self._tokens.get((region, role_arn), ("", datetime.min.replace(tzinfo=UTC)))
            if expires - datetime.now(UTC) < _LEFT_AT_LEAST:
                token, expires = self._ask(region, role_arn)
                self._tokens[(region, role_arn)] = (token, expires)
        username, _, password = base64.b64decode(token).decode().partition(":")
        return RegistryCredentials(host, username, Secret(password))

    def _ask(self, region: str, role_arn: str | None) -> tuple[str, datetime]:
        with aws_errors("AWS ECR", "GetAuthorizationToken"):
            client = self._sessions.client("ecr", region, role_arn)
            data = client.get_authorization_token()["authorizationData"][0]
        return data["authorizationToken"], data["expiresAt"]

"""`HealthCheck` over HTTP.

The address stands in tengu.yml, but the answer comes from the application: nothing of its body is ever shown, and it
cannot send Tengu elsewhere. Cloud metadata services hand out credentials to whoever asks from the machine, so
link-local addresses are refused, also when a name leads to one.
"""

from __future__ import annotations

import ipaddress
import json
import socket
from urllib.parse import urljoin, urlsplit

import httpx

from tengu.errors import Refused
from tengu.ports.health import HealthAnswer

TIMEOUT = httpx.Timeout(10.0, connect=5.0)
MAXIMUM_BODY = 1_000_000
MAXIMUM_REDIRECTS = 5
# Metadata services outside the link-local ranges: AWS over IPv6, Oracle, Alibaba, ECS task credentials by name.
_METADATA = {
    ipaddress.ip_address(address) for address in ("fd00:ec2::254", "fd00:ec2::23", "192.0.0.192", "100.100.100.200")
}


class HttpHealthCheck:
    """Asks with httpx."""

    def ask(self, url: str, field: str | None) -> HealthAnswer:
        """One GET; redirects are followed on the same host and port alone."""
        host = _origin(url)
        with httpx.Client(timeout=TIMEOUT, follow_redirects=False, trust_env=False) as client:
            for _ in range(MAXIMUM_REDIRECTS):
                _refuse_address(url)
                try:
                    answer = self._get(client, url, field)
                except (httpx.HTTPError, OSError) as error:
                    return HealthAnswer(None, None, f"no answer ({type(error).__name__})")
                if isinstance(answer, HealthAnswer):
                    return answer
                url = urljoin(url, answer)
                if _origin(url) != host:
                    return HealthAnswer(None, None, "it redirects to another host")
        return HealthAnswer(None, None, "it redirects too often")

    def _get(self, client: httpx.Client, url: str, field: str | None) -> HealthAnswer | str:
        """The answer, or where it redirects to."""
        with client.stream("GET", url, headers={"user-agent": "tengu-check", "accept": "application/json, */*"}) as got:
            if got.is_redirect:
                return str(got.headers.get("location", ""))
            if got.status_code != 200 or field is None:
                return HealthAnswer(got.status_code, None, "")
            body = b""
            for chunk in got.iter_bytes():
                body += chunk
                if len(body) > MAXIMUM_BODY:
                    return HealthAnswer(200, None, "its answer is larger than 1 MB")
        return HealthAnswer(200, _field(body, field), "")


def _field(body: bytes, field: str) -> str | None:
    try:
        answer = json.loads(body)
    except ValueError:
        return None
    value = answer.get(field) if isinstance(answer, dict) else None
    return value if isinstance(value, str) else None


def _origin(url: str) -> tuple[str | None, int | None]:
    """Host and port; from http to https of the same host on the usual ports is no change."""
    parts = urlsplit(url)
    return parts.hostname, None if parts.port in (None, 80, 443) else parts.port


def _refuse_address(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Refused("check_url_refused", "check_url is not an http or https address.", "Correct it in tengu.yml.")
    try:
        found = socket.getaddrinfo(parts.hostname, parts.port or 80, type=socket.SOCK_STREAM)
    except OSError:
        return  # the request itself says so
    for entry in found:
        address = ipaddress.ip_address(str(entry[4][0]).partition("%")[0])
        mapped = getattr(address, "ipv4_mapped", None) or address
        if mapped.is_link_local or mapped.is_multicast or mapped in _METADATA:
            raise Refused(
                "check_url_refused",
                f"check_url leads to {mapped}, a link-local or metadata address.",
                "Use the application's own address in tengu.yml.",
            )

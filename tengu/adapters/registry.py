"""An image registry by the OCI distribution specification (opencontainers/distribution-spec v1.1)."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx

from tengu.adapters.docker_config import IDENTITY_TOKEN, login_for
from tengu.adapters.image_reference import Registry, is_loopback, registry_of
from tengu.errors import ServiceError
from tengu.ports.image import Image, RegistryCredentials

EcrLogin = Callable[[str, str | None, str], RegistryCredentials]
_INDEXES = ("application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json")
_MANIFESTS = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
_LARGEST = 4 * 1024 * 1024  # distribution-spec: registries need not take larger manifests
_TRIES = 3
_PARAMETER = re.compile(r'(\w+)="([^"]*)"')


class OciRegistry:
    """The ImageRegistry port over HTTP.

    Args:
        ecr_login: gives the login for an ECR host: (region, role to assume or None, host).
        docker_config: folder of docker's configuration; None for docker's own default.
        pause: waits between tries, in seconds.
    """

    def __init__(
        self,
        ecr_login: EcrLogin,
        *,
        docker_config: Path | None = None,
        timeout: float = 20,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._ecr_login = ecr_login
        self._docker_config = docker_config
        self._pause = pause
        self._client = httpx.Client(timeout=timeout, follow_redirects=True, max_redirects=3)

    def close(self) -> None:
        """Close its connections."""
        self._client.close()

    def credentials(self, repository: str, *, region: str | None, role_arn: str | None) -> RegistryCredentials | None:
        """ECR's token, or docker's own configuration for that one host; None = anonymous."""
        registry = registry_of(repository)
        if registry.ecr_region is not None:
            return self._ecr_login(registry.ecr_region, role_arn, registry.host)
        return login_for(registry.host, self._docker_config)

    def find(self, repository: str, reference: str, *, region: str | None, role_arn: str | None) -> Image | None:
        """The image of that tag or digest; None if there is none. Raises ServiceError("image registry", …)."""
        registry = registry_of(repository)
        login = self.credentials(repository, region=region, role_arn=role_arn)
        reader = _Reader(self._client, registry, login, self._pause)
        found = reader.get(f"manifests/{reference}", accept=(*_INDEXES, *_MANIFESTS))
        if found is None:
            return None
        digest = _digest_of(found, registry)
        manifest, children = found.json(), ()
        if "manifests" in manifest:
            platforms = [entry for entry in manifest["manifests"] if not _is_attestation(entry)]
            children = tuple(entry["digest"] for entry in manifest["manifests"])
            manifest = reader.json(f"manifests/{platforms[0]['digest']}", _MANIFESTS) if platforms else {}
        config = manifest.get("config", {}).get("digest")
        labels = reader.json(f"blobs/{config}", ("*/*",)).get("config", {}).get("Labels") if config else None
        return Image(repository, reference, digest, children, labels or {})


class _Reader:
    """GETs in one repository, with its login."""

    def __init__(
        self,
        client: httpx.Client,
        registry: Registry,
        login: RegistryCredentials | None,
        pause: Callable[[float], None],
    ) -> None:
        self._client = client
        self._registry = registry
        self._login = login
        self._pause = pause
        self._authorization: str | None = None

    def json(self, path: str, accept: tuple[str, ...]) -> dict[str, Any]:
        """The JSON object at that path, which must be there: something just read points to it."""
        answer = self.get(path, accept)
        if answer is None:
            raise self._error("read the image", f"it has no {path}, though the image's manifest names it.")
        content = answer.json()
        return content if isinstance(content, dict) else {}

    def get(self, path: str, accept: tuple[str, ...]) -> httpx.Response | None:
        """The answer; None for 404. Tries again after connection errors, 429 and 5xx."""
        for attempt in range(1, _TRIES + 1):
            try:
                answer = self._authorized(path, accept)
            except httpx.TransportError as error:
                if attempt == _TRIES:
                    detail = f"{self._registry.host} cannot be reached ({error or type(error).__name__})."
                    raise self._error("read the image", detail, transient=True) from error
            else:
                if attempt == _TRIES or not (answer.status_code == 429 or answer.status_code >= 500):
                    return self._checked(answer)
            self._pause(0.5 * attempt)
        raise AssertionError("unreachable")

    def _authorized(self, path: str, accept: tuple[str, ...]) -> httpx.Response:
        answer = self._send(path, accept)
        if answer.status_code == 401:
            self._authorization = self._answer_to(answer.headers.get("WWW-Authenticate", ""))
            answer = self._send(path, accept) if self._authorization else answer
        return answer

    def _send(self, path: str, accept: tuple[str, ...]) -> httpx.Response:
        headers = {"Accept": ", ".join(accept)}
        if self._authorization:
            headers["Authorization"] = self._authorization
        url = f"{self._registry.url}/v2/{self._registry.name}/{path}"
        with self._client.stream("GET", url, headers=headers) as answer:
            size = 0
            content = bytearray()
            for chunk in answer.iter_bytes():
                size += len(chunk)
                if size > _LARGEST:
                    raise self._error("read the image", f"{path} is larger than 4 MiB.")
                content += chunk
        return httpx.Response(answer.status_code, headers=_plain(answer.headers), content=bytes(content))

    def _answer_to(self, challenge: str) -> str | None:
        """The Authorization header for a challenge (RFC 9110 §11; distribution "Token authentication")."""
        scheme, _, rest = challenge.partition(" ")
        if scheme.lower() == "basic":
            return _basic(self._login) if self._login else None
        if scheme.lower() != "bearer":
            return None
        parameters = dict(_PARAMETER.findall(rest))
        realm = httpx.URL(parameters.get("realm", ""))
        if realm.scheme != "https" and not (realm.scheme == "http" and is_loopback(realm.host)):
            raise self._error("log in", f"it sends logins to {realm.host or 'nowhere'} without https.")
        answer = self._token(realm, parameters)
        if answer.status_code >= 400:
            self._checked(answer)
        token = answer.json().get("token") or answer.json().get("access_token")
        return f"Bearer {token}" if token else None

    def _token(self, realm: httpx.URL, parameters: Mapping[str, str]) -> httpx.Response:
        scope = parameters.get("scope") or f"repository:{self._registry.name}:pull"
        query = {"service": parameters.get("service", ""), "scope": scope}
        if self._login is None:
            return self._client.get(realm, params=query)
        if self._login.username == IDENTITY_TOKEN:
            refresh = {"grant_type": "refresh_token", "refresh_token": self._login.password.reveal()}
            return self._client.post(realm, data={**query, **refresh, "client_id": "tengu"})
        return self._client.get(realm, params=query, headers={"Authorization": _basic(self._login)})

    def _checked(self, answer: httpx.Response) -> httpx.Response | None:
        if answer.status_code == 404:
            return None
        if answer.status_code < 400:
            return answer
        said = _said(answer)
        if answer.status_code in (401, 403):
            who = f"user {self._login.username}" if self._login else "nobody (no login is configured)"
            raise self._error("read the image", f"it refused {who}: {said}", advice=self._login_advice())
        transient = answer.status_code == 429 or answer.status_code >= 500
        wait = answer.headers.get("Retry-After", "")
        raise self._error("read the image", said, transient=transient, wait=float(wait) if wait.isdigit() else None)

    def _login_advice(self) -> str:
        if self._registry.ecr_region is not None:
            return "Allow Tengu's role ecr:BatchGetImage and ecr:GetDownloadUrlForLayer on this repository."
        return f"Run `docker login {self._registry.host}` as the user that runs Tengu."

    def _error(
        self, action: str, detail: str, *, advice: str = "", transient: bool = False, wait: float | None = None
    ) -> ServiceError:
        where = f"{action} in {self._registry.host}/{self._registry.name}"
        return ServiceError("image registry", where, detail, advice=advice, transient=transient, retry_after=wait)


def _digest_of(answer: httpx.Response, registry: Registry) -> str:
    """Computed, not believed: what ECS runs is pinned by it."""
    computed = f"sha256:{hashlib.sha256(answer.content).hexdigest()}"
    told = answer.headers.get("Docker-Content-Digest", computed)
    if told != computed:
        detail = f"it calls the manifest {told}, but its content is {computed}."
        raise ServiceError("image registry", f"read the image in {registry.host}/{registry.name}", detail)
    return computed


def _is_attestation(entry: Mapping[str, Any]) -> bool:
    """BuildKit's provenance stands in an index as a manifest for the platform unknown/unknown."""
    return bool(entry.get("platform", {}).get("os") == "unknown")


def _basic(login: RegistryCredentials) -> str:
    pair = f"{login.username}:{login.password.reveal()}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


def _plain(headers: httpx.Headers) -> dict[str, str]:
    """Without what described the transfer: the content is decoded by now."""
    return {name: value for name, value in headers.items() if name not in ("content-encoding", "transfer-encoding")}


def _said(answer: httpx.Response) -> str:
    """The specification's error object in one line (distribution-spec, "Error Codes")."""
    try:
        errors = json.loads(answer.content)["errors"]
        words = "; ".join(f"{error.get('code')}: {error.get('message')}" for error in errors)
    except (ValueError, KeyError, TypeError, AttributeError):
        words = ""
    return f"HTTP {answer.status_code}" + (f" {words[:300]}" if words else "") + "."

"""OciRegistry against ministack's /v2, and against a registry that asks for logins and has bad days."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tengu.adapters.aws.ecr import EcrLogin
from tengu.adapters.aws.session import Sessions
from tengu.adapters.docker_config import IDENTITY_TOKEN, auth_entry, login_for
from tengu.adapters.image_reference import is_loopback, registry_of
from tengu.adapters.registry import OciRegistry
from tengu.errors import LeaseLost, ServiceError, StepFailed
from tengu.ports.image import BuildRequest, Image, RegistryCredentials
from tengu.sandbox.server import Server
from tengu.sandbox.simulated_builder import SimulatedBuilder
from tengu.secret import Secret
from tests.stand_ins.ministack_server import create_repository, ministack

LABELS = {"tengu.inputs": "sha256:abc", "org.opencontainers.image.created": "2026-11-20T00:00:00+00:00"}


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with ministack(tmp_path_factory.mktemp("ministack")) as address:
        for name in ("team/web", "twice", "multi"):
            create_repository(address, name)
        yield address


def no_ecr(region: str, role_arn: str | None, host: str) -> RegistryCredentials:
    raise AssertionError("not an ECR host")


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[OciRegistry]:
    registry = OciRegistry(no_ecr, docker_config=tmp_path / "docker", pause=lambda seconds: None)
    yield registry
    registry.close()


def find(registry: OciRegistry, repository: str, reference: str) -> Image | None:
    return registry.find(repository, reference, region=None, role_arn=None)


def request_for(checkout: Path, image: str) -> BuildRequest:
    checkout.mkdir(parents=True, exist_ok=True)
    (checkout / "Dockerfile").write_text("FROM scratch\nCOPY . /app\n")
    return BuildRequest(checkout, ".", "Dockerfile", None, "linux/amd64", {}, LABELS, image, None)


# --- what is there --------------------------------------------------------------------------------------------


def test_an_image_that_was_pushed_is_found_with_its_labels(host: str, registry: OciRegistry, tmp_path: Path) -> None:
    lines: list[str] = []
    request = request_for(tmp_path / "tree", f"{host}/team/web:one")
    SimulatedBuilder().build(request, lines.append, threading.Event())
    SimulatedBuilder().push(request, lines.append, threading.Event())

    image = find(registry, f"{host}/team/web", "one")

    assert image is not None
    assert image.labels == LABELS
    assert image.manifests == ()
    assert f"digest: {image.digest}" in lines[-1]
    assert "no command of the Dockerfile runs" in lines[0]
    by_digest = find(registry, f"{host}/team/web", image.digest)
    assert by_digest is not None
    assert by_digest.digest == image.digest


def test_pushed_twice_is_one_image(host: str, registry: OciRegistry, tmp_path: Path) -> None:
    for tag in ("a", "b"):
        request = request_for(tmp_path / "tree", f"{host}/twice:{tag}")
        SimulatedBuilder().push(request, print, threading.Event())
    first, second = find(registry, f"{host}/twice", "a"), find(registry, f"{host}/twice", "b")
    assert first is not None
    assert second is not None
    assert first.digest == second.digest


def test_what_is_not_there_is_none(host: str, registry: OciRegistry) -> None:
    assert find(registry, f"{host}/no/such/repository", "one") is None
    assert find(registry, f"{host}/team/web", "no-such-tag") is None


def test_an_index_counts_its_manifests_and_skips_attestations(host: str, registry: OciRegistry, tmp_path: Path) -> None:
    SimulatedBuilder().push(request_for(tmp_path / "tree", f"{host}/multi:plain"), print, threading.Event())
    plain = find(registry, f"{host}/multi", "plain")
    assert plain is not None
    attestation = f"sha256:{'0' * 64}"
    kind = "application/vnd.oci.image.index.v1+json"
    content = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": kind,
            "manifests": [
                {"digest": attestation, "platform": {"os": "unknown", "architecture": "unknown"}},
                {"digest": plain.digest, "platform": {"os": "linux", "architecture": "amd64"}},
            ],
        }
    )
    httpx.put(f"http://{host}/v2/multi/manifests/index", content=content, headers={"Content-Type": kind})

    image = find(registry, f"{host}/multi", "index")

    assert image is not None
    assert image.manifests == (attestation, plain.digest)
    assert image.labels == LABELS
    assert image.digest == f"sha256:{hashlib.sha256(content.encode()).hexdigest()}"


# --- logins and bad days --------------------------------------------------------------------------------------


class PrivateRegistry:
    """One empty image behind a login; answers the next requests with `failures` first."""

    def __init__(self, scheme: str) -> None:
        self.scheme = scheme
        self.failures: list[Response] = []
        self.digest_header: str | None = None
        self.asked: list[str] = []
        self.realm: str | None = None
        self.server = Server(Starlette(routes=[Route("/token", self.token, methods=["GET", "POST"]),
                                               Route("/v2/{path:path}", self.answer)]))  # fmt: skip

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server.port}"

    async def token(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode()))
        given = request.headers.get("Authorization") or form.get("refresh_token")
        self.asked.append(f"{request.query_params.get('scope') or form.get('scope')} {given}")
        if given not in (f"Basic {base64.b64encode(b'me:pw').decode()}", "identity"):
            return JSONResponse({"errors": [{"code": "DENIED", "message": "wrong password"}]}, 401)
        return JSONResponse({"token": "abc"})

    async def answer(self, request: Request) -> Response:
        if self.failures:
            return self.failures.pop(0)
        wanted = "Bearer abc" if self.scheme == "Bearer" else f"Basic {base64.b64encode(b'me:pw').decode()}"
        if request.headers.get("Authorization") != wanted:
            realm = self.realm or f"{self.server.url}/token"
            scope = "repository:web:pull"
            challenge = f'{self.scheme} realm="{realm}",service="registry",scope="{scope}"'
            return JSONResponse({"errors": [{"code": "UNAUTHORIZED", "message": "who are you"}]}, 401,
                                {"WWW-Authenticate": challenge})  # fmt: skip
        content: dict[str, Any] = {"schemaVersion": 2}
        return JSONResponse(
            content, headers={"Docker-Content-Digest": self.digest_header} if self.digest_header else {}
        )


@pytest.fixture(params=["Bearer", "Basic"])
def private(request: pytest.FixtureRequest) -> Iterator[PrivateRegistry]:
    private = PrivateRegistry(request.param)
    with private.server:
        yield private


def log_in(folder: Path, login: RegistryCredentials) -> None:
    key, entry = auth_entry(login)
    (folder / "docker").mkdir(exist_ok=True)
    (folder / "docker" / "config.json").write_text(json.dumps({"auths": {key: entry, "other": {"auth": "eDp5"}}}))


def test_the_login_of_docker_s_configuration_is_used(
    private: PrivateRegistry, registry: OciRegistry, tmp_path: Path
) -> None:
    log_in(tmp_path, RegistryCredentials(private.host, "me", Secret("pw")))
    assert find(registry, f"{private.host}/web", "one") is not None
    assert all(line.startswith("repository:web:pull") for line in private.asked)


def test_without_a_login_it_says_which_command_helps(private: PrivateRegistry, registry: OciRegistry) -> None:
    with pytest.raises(ServiceError) as caught:
        find(registry, f"{private.host}/web", "one")
    assert "no login is configured" in caught.value.detail
    assert caught.value.advice.startswith(f"Run `docker login {private.host}`")
    assert not caught.value.transient


def test_an_identity_token_is_exchanged(registry: OciRegistry, tmp_path: Path) -> None:
    private = PrivateRegistry("Bearer")
    with private.server:
        log_in(tmp_path, RegistryCredentials(private.host, IDENTITY_TOKEN, Secret("identity")))
        assert find(registry, f"{private.host}/web", "one") is not None


def test_a_password_goes_nowhere_without_https(registry: OciRegistry, tmp_path: Path) -> None:
    private = PrivateRegistry("Bearer")
    private.realm = "http://tokens.example.com/token"
    with private.server:
        log_in(tmp_path, RegistryCredentials(private.host, "me", Secret("pw")))
        with pytest.raises(ServiceError, match="without https"):
            find(registry, f"{private.host}/web", "one")


def test_bad_days(registry: OciRegistry, tmp_path: Path) -> None:
    private = PrivateRegistry("Basic")
    with private.server:
        log_in(tmp_path, RegistryCredentials(private.host, "me", Secret("pw")))
        private.failures = [Response(status_code=503), Response(status_code=429)]
        assert find(registry, f"{private.host}/web", "one") is not None

        private.failures = [Response(status_code=503, headers={"Retry-After": "7"}) for _ in range(3)]
        with pytest.raises(ServiceError) as caught:
            find(registry, f"{private.host}/web", "one")
        assert (caught.value.transient, caught.value.retry_after) == (True, 7)

        private.digest_header = f"sha256:{'1' * 64}"
        with pytest.raises(ServiceError, match="its content is sha256:"):
            find(registry, f"{private.host}/web", "one")

        private.failures = [Response(content=b"x" * (5 << 20))]
        with pytest.raises(ServiceError, match="larger than 4 MiB"):
            find(registry, f"{private.host}/web", "one")
    with pytest.raises(ServiceError) as caught:
        find(registry, f"{private.host}/web", "one")
    assert caught.value.transient
    assert "cannot be reached" in caught.value.detail


# --- whose login ----------------------------------------------------------------------------------------------


def test_ecr_hosts_and_no_others_get_ecr_logins() -> None:
    asked = []

    def ecr_login(region: str, role_arn: str | None, host: str) -> RegistryCredentials:
        asked.append((region, role_arn, host))
        return RegistryCredentials(host, "AWS", Secret("token"))

    registry = OciRegistry(ecr_login)
    ecr = "123456789012.dkr.ecr.ap-northeast-1.amazonaws.com"
    login = registry.credentials(f"{ecr}/web", region="us-east-1", role_arn="arn:aws:iam::1:role/r")
    assert login == RegistryCredentials(ecr, "AWS", Secret("token"))
    for lookalike in (f"{ecr}.example.com/web", f"x{ecr}/web", f"example.com/{ecr}/web"):
        assert registry_of(lookalike).ecr_region is None
    assert asked == [("ap-northeast-1", "arn:aws:iam::1:role/r", ecr)]
    registry.close()


def test_ecr_s_token_is_a_login_and_is_asked_for_once(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    ecr = EcrLogin(Sessions())
    login = ecr("us-east-1", None, "1.dkr.ecr.us-east-1.amazonaws.com")
    assert (login.host, login.username) == ("1.dkr.ecr.us-east-1.amazonaws.com", "AWS")
    assert login.password.reveal()
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    assert ecr("us-east-1", None, "2.dkr.ecr.us-east-1.amazonaws.com").password == login.password


@pytest.mark.parametrize(
    ("repository", "host", "name", "url"),
    [
        ("busybox", "docker.io", "library/busybox", "https://registry-1.docker.io"),
        ("acme/web", "docker.io", "acme/web", "https://registry-1.docker.io"),
        ("docker.io/acme/web", "docker.io", "acme/web", "https://registry-1.docker.io"),
        ("ghcr.io/acme/web", "ghcr.io", "acme/web", "https://ghcr.io"),
        ("localhost/web", "localhost", "web", "http://localhost"),
        ("127.0.0.1:5000/web", "127.0.0.1:5000", "web", "http://127.0.0.1:5000"),
        ("[::1]:5000/web", "[::1]:5000", "web", "http://[::1]:5000"),
    ],
)
def test_where_a_repository_lives(repository: str, host: str, name: str, url: str) -> None:
    registry = registry_of(repository)
    assert (registry.host, registry.name, registry.url) == (host, name, url)


def test_loopback() -> None:
    assert all(map(is_loopback, ("localhost", "127.0.0.1", "127.9.9.9:1", "[::1]:80", "localhost:5000")))
    assert not any(map(is_loopback, ("127.0.0.1.example.com", "10.0.0.1:80", "localhost.example.com", "example")))


def test_a_credential_helper_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    helper = tmp_path / "docker-credential-mine"
    helper.write_text(
        '#!/bin/sh\nread host\n[ "$host" = ghcr.io ] || { echo "credentials not found in store"; exit 1; }\n'
        'echo \'{"ServerURL": "ghcr.io", "Username": "me", "Secret": "pw"}\'\n'
    )
    helper.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    (tmp_path / "config.json").write_text(
        '{"credHelpers": {"ghcr.io": "mine", "quay.io": "none"}, "credsStore": "mine"}'
    )
    assert login_for("ghcr.io", tmp_path) == RegistryCredentials("ghcr.io", "me", Secret("pw"))
    assert login_for("example.com", tmp_path) is None
    with pytest.raises(ServiceError, match="docker-credential-none did not answer"):
        login_for("quay.io", tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ServiceError, match="cannot be read"):
        login_for("ghcr.io", tmp_path)


# --- the simulated builder ------------------------------------------------------------------------------------


def test_a_simulated_build_can_fail_and_stop(tmp_path: Path) -> None:
    request = request_for(tmp_path / "tree", "127.0.0.1:1/web:one")
    stop = threading.Event()
    (tmp_path / "tree" / "Dockerfile").write_text("FROM scratch\nRUN exit 7\n")
    with pytest.raises(StepFailed, match="`exit 7` ended with exit code 7"):
        SimulatedBuilder().build(request, print, stop)
    with pytest.raises(ServiceError) as caught:
        SimulatedBuilder().push(request, print, stop)
    assert caught.value.transient
    stop.set()
    with pytest.raises(LeaseLost):
        SimulatedBuilder().push(request, print, stop)


def test_a_simulated_image_stays_on_this_machine(tmp_path: Path) -> None:
    request = request_for(tmp_path / "tree", "registry.example.com/web:one")
    with pytest.raises(ServiceError, match="must not leave it"):
        SimulatedBuilder().push(request, print, threading.Event())

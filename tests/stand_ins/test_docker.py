"""DockerBuilder and the example application on a real engine; finding docker on a fake PATH."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from tengu.adapters.docker import DockerBuilder
from tengu.adapters.docker_cli import DockerCli, docker_environment, find_docker
from tengu.adapters.docker_errors import build_error, push_error
from tengu.adapters.registry import OciRegistry
from tengu.errors import LeaseLost, ServiceError, StepFailed
from tengu.ports.image import BuildRequest, RegistryCredentials
from tengu.sandbox import example_app, example_changes
from tengu.sandbox.engine import Engine, api, find_or_start_engine
from tengu.secret import Secret
from tests.stand_ins.ministack_server import create_repository, ministack

LABELS = {"tengu.inputs": "sha256:abc"}


# --- on a real engine -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    said: list[str] = []
    engine = find_or_start_engine(said.append, tmp_path_factory.mktemp("engine"), install=False)
    assert engine is not None, said
    example_app.make_base_image(engine, said.append)
    yield engine
    engine.close()


@pytest.fixture
def checkout(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DOCKER_HOST", engine.host)
    return lay_out(tmp_path / "work" / "tree", example_app.files())


def lay_out(folder: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755 if text.startswith("#!") else 0o644)
    return folder


def request_for(checkout: Path, image: str = "127.0.0.1:1/test:one") -> BuildRequest:
    arguments = {"COMMIT": "3f2a9c1d"}
    return BuildRequest(checkout, ".", "Dockerfile", None, "linux/amd64", arguments, LABELS, image, None)


def build(request: BuildRequest) -> list[str]:
    lines: list[str] = []
    DockerBuilder().build(request, lines.append, threading.Event())
    return lines


def run(engine: Engine, image: str, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    options = [word for name, value in variables.items() for word in ("--env", f"{name}={value}")]
    argv = [find_docker().path, "--host", engine.host, "run", "--rm", "--network=none", *options, image, *command]
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.engine
def test_the_example_is_built_and_pushed_with_its_labels(engine: Engine, checkout: Path, tmp_path: Path) -> None:
    (tmp_path / "ministack").mkdir()
    with ministack(tmp_path / "ministack") as host:
        create_repository(host, "web")
        request = request_for(checkout, f"{host}/web:one")
        lines = build(request)
        assert any("] RUN bin/check" in line for line in lines), lines
        pushed: list[str] = []
        DockerBuilder().push(request, pushed.append, threading.Event())
        registry = OciRegistry(lambda *_: pytest.fail("not ECR"), docker_config=tmp_path)
        image = registry.find(f"{host}/web", "one", region=None, role_arn=None)
        registry.close()
        assert image is not None
        assert (image.manifests, dict(image.labels)) == ((), LABELS)
        assert any(image.digest in line for line in pushed)
        refused = replace(request, image=f"{host}/not-there:one")
        tag(engine, request.image, refused.image)
        with pytest.raises(ServiceError) as caught:
            DockerBuilder().push(refused, pushed.append, threading.Event())
        assert caught.value.advice == "Create the repository; Tengu does not."


def tag(engine: Engine, old: str, new: str) -> None:
    repository, _, name = new.rpartition(":")
    with api(engine.host, timeout=10) as client:
        client.post(f"/images/{old}/tag", params={"repo": repository, "tag": name}).raise_for_status()


@pytest.mark.engine
def test_the_example_runs_migrates_and_crashes_as_told(engine: Engine, checkout: Path) -> None:
    image = "127.0.0.1:1/example:good"
    build(request_for(checkout, image))
    assert "the database is up to date" in run(engine, image, "bin/migrate").stdout
    script = 'bin/serve & sleep 1; wget -qO- 127.0.0.1:8080/healthz; kill $!; wait $!; echo "ended: $?"'
    served = run(engine, image, "sh", "-c", script).stdout
    assert '{"status": "ok", "commit": "3f2a9c1d"}' in served
    assert "ended: 0" in served

    for change in (example_changes.CRASHES_AT_START, example_changes.MIGRATION_FAILS):
        lay_out(checkout, change.commits[0].files)
    image = "127.0.0.1:1/example:bad"
    build(request_for(checkout, image))
    crashed = run(engine, image)
    assert (crashed.returncode, "PAYMENT_API_KEY is not set" in crashed.stderr) == (3, True)
    migrated = run(engine, image, "bin/migrate")
    assert (migrated.returncode, "does not exist" in migrated.stderr) == (3, True)


@pytest.mark.engine
def test_a_failing_command_is_named_with_its_last_lines(checkout: Path) -> None:
    lay_out(checkout, example_changes.BUILD_FAILS.commits[0].files)
    with pytest.raises(StepFailed) as caught:
        build(request_for(checkout))
    first, *rest = caught.value.reason.splitlines()
    assert first == "`bin/check` ended with exit code 2."
    assert "syntax error" in rest[-1]


@pytest.mark.engine
def test_a_broken_dockerfile_and_a_missing_file_are_named(checkout: Path) -> None:
    (checkout / "Dockerfile").write_text("FROM scratch\nCOPY nowhere /\n")
    with pytest.raises(StepFailed, match=r'"/nowhere".*not found'):
        build(request_for(checkout))
    (checkout / "Dockerfile").write_text("FROM scratch\nCOPYY . /\n")
    with pytest.raises(StepFailed, match="unknown instruction: COPYY"):
        build(request_for(checkout))


@pytest.mark.engine
def test_target_and_platform(checkout: Path) -> None:
    (checkout / "Dockerfile").write_text(
        "FROM tengu-sandbox/base AS first\nARG TARGETPLATFORM\nRUN echo on $TARGETPLATFORM\n"
        "FROM first AS second\nRUN exit 7\n"
    )
    assert any("on linux/amd64" in line for line in build(replace(request_for(checkout), target="first")))
    with pytest.raises(StepFailed, match="`exit 7` ended with exit code 7"):
        build(request_for(checkout))


@pytest.mark.engine
def test_a_build_finds_no_secret(checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = "s3cr3t-" + os.urandom(8).hex()
    names = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "GITHUB_TOKEN", "GITHUB_APP_PRIVATE_KEY", "SLACK_BOT_TOKEN",
             "SLACK_SIGNING_SECRET", "SLACK_APP_TOKEN", "DATABASE_URL", "GITHUB_WEBHOOK_SECRET")  # fmt: skip
    for name in names:
        monkeypatch.setenv(name, secret)
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent"))
    (tmp_path / "docker").mkdir()
    (tmp_path / "docker" / "config.json").write_text(json.dumps({"auths": {"other.example.com": {"auth": secret}}}))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    (tmp_path / "outside").write_text(secret)
    (checkout / "outside").symlink_to(tmp_path / "outside")
    arguments = "".join(f"ARG {name}\n" for name in names)
    dump = " ".join(f"[{name}=${name}]" for name in names)
    (checkout / "Dockerfile").write_text(
        f"FROM tengu-sandbox/base\n{arguments}COPY . /app\n"
        f'RUN echo "{dump}"; env; cat /app/outside /app/.git/config ~/.docker/config.json 2>&1;'
        f" find / -xdev -name '*.git*'; cat /proc/*/environ; mount; : {secret[-4:]}\n"
        f'RUN --mount=type=ssh ls "$SSH_AUTH_SOCK" 2>&1; : {secret[-4:]}\n'
        f"RUN --mount=type=secret,id=aws ls -la /run/secrets 2>&1; echo seen all {secret[-4:]}\n"
    )
    login = RegistryCredentials("127.0.0.1:1", "AWS", Secret(secret))
    shown = "\n".join(build(replace(request_for(checkout), credentials=login)))
    assert "[AWS_SECRET_ACCESS_KEY=] [AWS_SESSION_TOKEN=]" in shown
    assert "can't open '/app/outside'" in shown
    assert "can't open '/app/.git/config'" in shown
    assert "/.docker/config.json': No such file" in shown
    assert "ls: /run/buildkit/ssh_agent.0: No such file" in shown
    assert f" seen all {secret[-4:]}" in shown
    assert secret not in shown


@pytest.mark.engine
def test_stop_ends_the_build(checkout: Path) -> None:
    (checkout / "Dockerfile").write_text("FROM tengu-sandbox/base\nRUN echo begun; sleep 60\n")
    stop = threading.Event()

    def log(line: str) -> None:
        if line.endswith(" begun"):
            stop.set()

    with pytest.raises(LeaseLost):
        DockerBuilder().build(request_for(checkout), log, stop)


@pytest.mark.engine
@pytest.mark.skipif(os.geteuid() != 0, reason="a daemon of one's own takes root")
def test_a_daemon_of_the_sandbox_s_own(tmp_path: Path) -> None:
    """In namespaces of its own, so that a daemon on this machine keeps its network bridge."""
    script = (
        "import sys; from pathlib import Path; from tengu.sandbox.engine import *\n"
        "folder = Path(sys.argv[1])\n"
        "engine = find_or_start_engine(print, folder, install=False)\n"
        "again = find_or_start_engine(print, folder, install=False)\n"
        "assert (again.host, again.pid) == (engine.host, engine.pid)\n"
        "engine.close()\n"
        "print('reachable:', is_reachable(engine.host))\n"
    )
    unshare = ["unshare", "--net", "--mount", "--pid", "--fork", "--mount-proc"]
    folder = Path("/tmp") / f"tengu-{os.getpid()}"  # noqa: S108  # a socket's path is short
    done = subprocess.run(
        [*unshare, sys.executable, "-c", script, str(folder)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
    )
    subprocess.run(["rm", "-rf", str(folder)], check=False, timeout=30)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0].startswith("Starting a docker daemon of this sandbox's own")
    assert done.stdout.splitlines()[1].startswith("Using the docker daemon at unix://")
    assert done.stdout.splitlines()[-1] == "reachable: False"


# --- without an engine ----------------------------------------------------------------------------------------


def test_no_engine_is_said_and_simulated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    assert find_or_start_engine(said.append, tmp_path) is None
    assert "No docker daemon answers at DOCKER_HOST" in said[0]
    assert "Builds and tasks are simulated" in said[0]
    lay_out(tmp_path / "tree", {"Dockerfile": "FROM scratch\n"})
    with pytest.raises(ServiceError) as caught:
        build(request_for(tmp_path / "tree"))
    assert (caught.value.service, caught.value.transient) == ("docker", True)


FakeDocker = Callable[[str, str], Path]


@pytest.fixture
def fake_docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeDocker:
    """Puts a `docker` that runs this shell code last on a PATH of such dockers alone."""
    monkeypatch.setenv("PATH", "/nowhere")

    def add(name: str, code: str) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        (folder / "docker").write_text(f"#!/bin/sh\n{code}\n")
        (folder / "docker").chmod(0o755)
        monkeypatch.setenv("PATH", f"{os.environ['PATH']}:{folder}")
        return folder / "docker"

    return add


WITHOUT_BUILDX = '[ "$1" = buildx ] && exit 1; echo "Docker version 28.2.2, build e6534b4"'
OLD = '[ "$1" = buildx ] && exit 1; echo "Docker version 20.10.24+dfsg1, build 297e128"'


def test_the_first_docker_that_can_build_is_taken(fake_docker: FakeDocker) -> None:
    fake_docker("first", WITHOUT_BUILDX)
    with pytest.raises(ServiceError, match="has no buildx plug-in"):
        find_docker()
    old = fake_docker("second", OLD)
    fake_docker("third", "exit 0")
    cli = find_docker()
    assert cli.build == (str(old), "build")


def test_with_buildx_the_image_is_loaded_and_has_no_attestations(fake_docker: FakeDocker) -> None:
    new = fake_docker("only", "exit 0")
    cli = find_docker()
    assert cli.build == (str(new), "buildx", "build", "--load")
    login = RegistryCredentials("ghcr.io", "me", Secret("pw"))
    with docker_environment(cli, login) as env:
        config = json.loads((Path(env["DOCKER_CONFIG"]) / "config.json").read_text())
        assert env["BUILDX_NO_DEFAULT_ATTESTATIONS"] == "1"
    assert config["auths"] == {"ghcr.io": {"auth": "bWU6cHc="}}
    assert not Path(env["DOCKER_CONFIG"]).exists()


def test_no_docker_at_all(fake_docker: FakeDocker) -> None:
    with pytest.raises(ServiceError) as caught:
        find_docker()
    assert "no `docker` command" in caught.value.detail


def test_the_user_s_context_is_kept(fake_docker: FakeDocker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = fake_docker("only", "echo unix:///colima.sock")
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    (tmp_path / "config.json").write_text('{"currentContext": "colima"}')
    with docker_environment(DockerCli(str(path), buildx=True, plugins=tmp_path), None) as env:
        assert env["DOCKER_HOST"] == "unix:///colima.sock"


@pytest.mark.parametrize(
    ("said", "kind", "words"),
    [
        ("ERROR: failed to solve: process \"/bin/sh -c make\" did not complete successfully: exit code: 2",
         StepFailed, "`make` ended with exit code 2."),
        ("ERROR: failed to solve: write /x: no space left on device", ServiceError, "no space is left"),
        ("ERROR: permission denied while trying to connect to the Docker daemon", ServiceError, "group `docker`"),
        ("#5 0.12 Cannot connect to the Docker daemon", StepFailed, "could not be built"),
        ("ERROR: failed to solve: x: failed to resolve source metadata for docker.io/library/x: dial tcp: i/o timeout",
         ServiceError, "pull the base image"),
    ],
)  # fmt: skip
def test_what_docker_says_about_a_build(said: str, kind: type[Exception], words: str) -> None:
    error = build_error([said])
    assert isinstance(error, kind)
    assert words in str(error)


@pytest.mark.parametrize(
    ("said", "advice", "transient"),
    [
        ("tag invalid: The image tag 'x' already exists and cannot be overwritten because the tag is immutable.",
         "tags are immutable", False),
        ("name unknown: The repository with name 'web' does not exist in the registry", "Create the", False),
        ("denied: User: arn:aws:sts::1:x is not authorized to perform: ecr:InitiateLayerUpload", "ecr:PutImage", False),
        ("no basic auth credentials", "docker login", False),
        ("An image does not exist locally with the tag: web", "retry", True),
        ("Get https://x/v2/: net/http: TLS handshake timeout", "", True),
    ],
)  # fmt: skip
def test_what_docker_says_about_a_push(said: str, advice: str, transient: bool) -> None:
    error = push_error("push web:one", ["The push refers to repository [web]", said])
    assert error.transient is transient
    assert advice in error.advice

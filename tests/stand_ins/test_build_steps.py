"""checkout and build as the pipeline runs them: real git, a real registry, a simulated builder."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from tengu.adapters.git import GitSourceControl
from tengu.adapters.registry import OciRegistry
from tengu.config.model import App, Environment, Image, Service
from tengu.domain.deployment import Deployment, Kind, State, Step, StepName, StepState
from tengu.domain.people import Actor
from tengu.errors import CancelRequested, LeaseLost, StepFailed
from tengu.ports.code_host import CloneAccess, CodeHost
from tengu.ports.image import BuildRequest, RegistryCredentials
from tengu.sandbox.simulated_builder import SimulatedBuilder
from tengu.usecases.step import StepResult
from tengu.usecases.steps.build import BuildStep
from tengu.usecases.steps.checkout import CheckoutStep
from tengu.usecases.steps.work import guarded
from tests.stand_ins.git_server import GitServer, git
from tests.stand_ins.ministack_server import create_repository, ministack

SERVICE = Service(cluster="prod", service="web", containers=("app",))
NOW = datetime(2026, 11, 20, tzinfo=UTC)


class FixedClock:
    """Always the same moment."""

    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return 0.0

    def sleep(self, seconds: float) -> None:
        raise AssertionError("nobody waits here")


@dataclass
class Context:
    """A StepContext that remembers in memory; `on_guard` is called by each guard."""

    app: App
    environment: Environment
    deployment: Deployment
    work_folder: Path
    stop: threading.Event = field(default_factory=threading.Event)
    memo: dict[str, Any] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    on_guard: Callable[[], None] = lambda: None

    def guard(self) -> None:
        self.on_guard()

    def note(self, memo: Mapping[str, Any], detail: str = "") -> None:
        self.memo.update(memo)
        if detail:
            self.lines.append(f"({detail})")

    def sleep(self, seconds: float) -> None:
        raise AssertionError("nobody waits here")

    def log(self, line: str) -> None:
        self.lines.append(line)

    def done(self, name: StepName, result: StepResult) -> None:
        step = Step(name, StepState.DONE, NOW, NOW, output=result.output)
        self.deployment = replace(self.deployment, steps=(*self.deployment.steps, step))


class CountingBuilder(SimulatedBuilder):
    """Counts what it did; `rival` are the labels of an image that somebody else pushes right after ours."""

    def __init__(self) -> None:
        self.built: list[BuildRequest] = []
        self.rival: dict[str, str] = {}

    def build(self, request: BuildRequest, log: Callable[[str], None], stop: threading.Event) -> None:
        self.built.append(request)
        super().build(request, log, stop)

    def push(self, request: BuildRequest, log: Callable[[str], None], stop: threading.Event) -> None:
        super().push(request, log, stop)
        if self.rival:
            super().push(replace(request, labels=self.rival), log, stop)


@dataclass
class GitHost:
    """The one method of the code host that these steps use."""

    access: CloneAccess

    def clone_access(self, repository: str) -> CloneAccess:
        return self.access


@dataclass
class World:
    """The steps on their parts, and a deployment of the repository's head."""

    checkout: CheckoutStep
    build: BuildStep
    builder: CountingBuilder
    work: Path
    host: str
    tmp_path: Path

    def context(self, **image: Any) -> Context:
        commit = git(self.work, "rev-parse", "HEAD")
        settings = Image(repository=f"{self.host}/web", **image)
        environment = Environment(branch="deployment/production", image=settings, services=(SERVICE,))
        app = App(repository="acme/web", channel="C0DEPLOY", environments={"production": environment})
        actor = Actor("cli", "cli:me")
        deployment = Deployment(
            1, "web", "production", Kind.MERGE, commit, commit, None, 7, (), actor, None, State.RUNNING, NOW
        )  # fmt: skip
        folder = self.tmp_path / "deployments" / str(len(list(self.tmp_path.glob("deployments/*"))))
        folder.mkdir(parents=True)
        return Context(app, environment, deployment, folder)

    def run(self, context: Context) -> StepResult:
        context.done(StepName.CHECKOUT, self.checkout(context))
        return self.build(context)

    def commit(self, name: str, text: str) -> None:
        (self.work / name).write_text(text)
        git(self.work, "add", ".")
        git(self.work, "commit", "--quiet", "-m", name)
        git(self.work, "push", "--quiet", str(self.tmp_path / "srv" / "web.git"), "HEAD:master")


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with ministack(tmp_path_factory.mktemp("ministack")) as address:
        create_repository(address, "web")
        yield address


@pytest.fixture
def world(host: str, tmp_path: Path) -> Iterator[World]:
    work = tmp_path / "work"
    work.mkdir()
    git(work, "init", "--quiet", "--initial-branch=master")
    git(work, "init", "--quiet", "--bare", str(tmp_path / "srv" / "web.git"))
    server = GitServer(tmp_path / "srv")
    code_host = cast(CodeHost, GitHost(CloneAccess(f"{server.url}/web.git", None)))

    def no_ecr(region: str, role_arn: str | None, host: str) -> RegistryCredentials:
        raise AssertionError("not an ECR host")

    registry = OciRegistry(no_ecr, docker_config=tmp_path)
    checkout = CheckoutStep(code_host, GitSourceControl())
    builder = CountingBuilder()
    build = BuildStep(code_host, checkout.ensure, builder, registry, FixedClock())
    world = World(checkout, build, builder, work, host, tmp_path)
    world.commit("Dockerfile", f"FROM scratch\n# {tmp_path}\nCOPY . /app\n")
    yield world
    registry.close()
    server.close()


def test_built_once_then_used_again(world: World) -> None:
    context = world.context()
    first = world.run(context)
    tag = context.deployment.commit
    assert first.output["reused"] is False
    assert first.output["tag"] == tag
    assert first.output["digest"].startswith("sha256:")
    assert first.detail == f"built web:{tag[:8]} in 0 s"
    assert context.memo["image"] == f"{world.host}/web:{tag}"
    assert (f"(building web:{tag[:8]})" in context.lines, f"(pushing web:{tag[:8]})" in context.lines) == (True, True)
    labels = world.builder.built[0].labels
    assert labels["org.opencontainers.image.revision"] == tag
    assert labels["org.opencontainers.image.created"] == "2026-11-20T00:00:00+00:00"

    again = world.run(world.context())
    assert again.detail == f"reused web:{tag[:8]}"
    assert again.output == {**first.output, "reused": True, "seconds": 0}
    assert len(world.builder.built) == 1


def test_another_machine_that_takes_over_fetches_again_for_the_build(world: World) -> None:
    context = world.context()
    context.done(StepName.CHECKOUT, world.checkout(context))
    elsewhere = replace(context, work_folder=world.tmp_path / "elsewhere")
    world.build(elsewhere)
    assert (world.tmp_path / "elsewhere" / "tree" / "Dockerfile").is_file()


def test_same_tag_from_other_inputs_is_built_and_overwritten(world: World) -> None:
    tag = world.tmp_path.name[:100].replace("[", "").replace("]", "")
    first = world.run(world.context(tag=tag))
    context = world.context(tag=tag, build_args={"MODE": "fast"})
    second = world.run(context)
    assert any("is built and overwritten" in line for line in context.lines)
    assert first.output["digest"] != second.output["digest"]
    assert len(world.builder.built) == 2


def test_an_image_that_somebody_else_pushed_meanwhile_is_not_ours(world: World) -> None:
    world.builder.rival = {"tengu.inputs": "sha256:other"}
    with pytest.raises(StepFailed, match="somebody else pushed this tag"):
        world.run(world.context(tag="contested"))


@pytest.mark.parametrize(
    ("image", "message"),
    [
        ({"dockerfile": "escape"}, "image.dockerfile: escape` leads out"),
        ({"context": "outside"}, "image.context: outside` leads out of the repository"),
        ({"context": "nowhere"}, "is not a folder in this commit"),
        ({"dockerfile": "Dockerfile.web"}, "is not a file in this commit"),
        ({"dockerfile": "Dockerfile.bad", "tag": "bad"}, "`exit 3` ended with exit code 3"),
    ],
)
def test_what_cannot_be_built_is_said(world: World, image: dict[str, str], message: str) -> None:
    (world.work / "escape").symlink_to("/etc/passwd")
    (world.work / "outside").symlink_to("../..")
    world.commit("Dockerfile.bad", "FROM scratch\nRUN exit 3\n")
    with pytest.raises(StepFailed) as caught:
        world.run(world.context(**image))
    assert message in caught.value.reason


def test_submodules_are_said_to_be_missing(world: World) -> None:
    world.commit(".gitmodules", '[submodule "x"]\n\tpath = x\n\turl = ext::sh -c id\n')
    context = world.context()
    world.checkout(context)
    assert any("submodules" in line for line in context.lines)


# --- guarded work ---------------------------------------------------------------------------------------------


def work(context: Context) -> None:
    """Work that only its `stop` ends."""
    with guarded(context, every=0.1) as stop:
        assert stop.wait(5)
        raise LeaseLost("the child was stopped")


def test_a_cancel_ends_the_work(world: World) -> None:
    context = world.context()
    guards = []

    def cancel() -> None:
        guards.append(1)
        if len(guards) > 1:
            raise CancelRequested

    context.on_guard = cancel
    with pytest.raises(CancelRequested):
        work(context)


def test_a_shut_down_ends_the_work(world: World) -> None:
    context = world.context()
    context.stop.set()
    with pytest.raises(LeaseLost, match="the child"):
        work(context)


def test_a_failure_stays_a_failure(world: World) -> None:
    with pytest.raises(StepFailed), guarded(world.context()):
        raise StepFailed("build_failed", "no")

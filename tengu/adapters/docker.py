"""Builds with docker's BuildKit and pushes.

A build runs the repository's own commands, so whoever can merge to an app decides what runs here. It gets the
context and nothing else: no variable of Tengu's environment, no login but the one for the image's registry (and that
is the docker command's, not the build's), no secret, no ssh agent.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress

from tengu.adapters.docker_cli import DockerCli, docker_environment, find_docker
from tengu.adapters.docker_errors import build_error, engine_error, last_lines, push_error
from tengu.adapters.process import Finished, TimedOutError, exclusive, run
from tengu.domain.build import INPUTS_LABEL
from tengu.errors import ServiceError, StepFailed
from tengu.ports.image import BuildRequest

_KEPT_FOR = "24h"
_STEP_DIGEST = re.compile(r"#\d+ sha256:[0-9a-f]{64}$")


class DockerBuilder:
    """The ImageBuilder port on the docker command.

    Args:
        find: gives the docker command to use.
        build_timeout, push_timeout: seconds.
    """

    def __init__(
        self,
        find: Callable[[], DockerCli] = find_docker,
        *,
        build_timeout: float = 3600,
        push_timeout: float = 1800,
    ) -> None:
        self._find = find
        self._build_timeout = build_timeout
        self._push_timeout = push_timeout

    def build(self, request: BuildRequest, log: Callable[[str], None], stop: threading.Event) -> None:
        """Build it. Raises StepFailed("build_failed", …) and ServiceError("docker" or "image registry", …)."""
        context, dockerfile = request.checkout / request.context, request.checkout / request.dockerfile
        cli = self._find()
        command = [*cli.build, "--file", str(dockerfile), "--tag", request.image, "--platform", request.platform]
        command += ["--target", request.target] if request.target else []
        for key, value in request.build_args.items():
            command += ["--build-arg", f"{key}={value}"]
        for key, value in request.labels.items():
            command += ["--label", f"{key}={value}"]
        try:
            done = _docker(cli, [*command, str(context)], request, _without_digests(log), stop, self._build_timeout)
        except TimedOutError as error:
            reason = f"The build took longer than {self._build_timeout / 60:.0f} minutes."
            raise StepFailed("build_failed", f"{reason}\n{last_lines(error.lines)}") from error
        if done.returncode:
            raise build_error(done.lines)

    def push(self, request: BuildRequest, log: Callable[[str], None], stop: threading.Event) -> None:
        """Push it, then drop local images of Tengu's that are old and unused."""
        cli = self._find()
        action = f"push {request.image}"
        try:
            done = _docker(cli, [cli.path, "push", request.image], request, log, stop, self._push_timeout)
        except TimedOutError as error:
            detail = f"it took longer than {self._push_timeout / 60:.0f} minutes."
            raise ServiceError("image registry", action, detail, transient=True) from error
        if done.returncode:
            raise engine_error(action, done.lines) or push_error(action, done.lines)
        self._prune(cli, request, stop)

    def _prune(self, cli: DockerCli, request: BuildRequest, stop: threading.Event) -> None:
        filters = ("--filter", f"label={INPUTS_LABEL}", "--filter", f"until={_KEPT_FOR}")
        with suppress(TimedOutError):  # the next push tries again
            _docker(cli, [cli.path, "image", "prune", "--all", "--force", *filters], request, _nowhere, stop, 60)


def _nowhere(line: str) -> None:
    """For output nobody needs."""


def _without_digests(log: Callable[[str], None]) -> Callable[[str], None]:
    """BuildKit of docker 20.10 prints each step's own digest, which tells people nothing."""
    return lambda line: None if _STEP_DIGEST.match(line) else log(line)


def _docker(
    cli: DockerCli,
    command: Sequence[str],
    request: BuildRequest,
    log: Callable[[str], None],
    stop: threading.Event,
    timeout: float,
) -> Finished:
    folder = request.checkout.parent
    with exclusive(folder, stop) as lock, docker_environment(cli, request.credentials) as env:
        return run(command, env=env, timeout=timeout, stop=stop, cwd=folder, log=log, lock=lock)

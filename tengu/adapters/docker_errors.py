"""What docker's complaints mean, and what a person does about them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tengu.errors import ServiceError, StepFailed

_SHOWN = 1_200
_UNREACHABLE = re.compile(
    r"cannot connect to the docker daemon|error during connect|failed to connect to the docker API", re.IGNORECASE
)
_FORBIDDEN = re.compile(
    r"permission denied while trying to connect to the Docker daemon|dial unix .*: permission denied"
)
_FULL = re.compile(r"no space left on device")
_PULL = re.compile(
    r"(failed to (do request|resolve source metadata|authorize|fetch)|load metadata for).*"
    r"(i/o timeout|timeout|connection refused|connection reset|no such host|EOF|toomanyrequests|429|50[0234])",
    re.IGNORECASE | re.DOTALL,
)
# BuildKit 0.8 (docker 20.10), and newer ones.
_FAILED_RUN = re.compile(
    r"(?:executor failed running \[(?P<old>.*?)\]|process \"(?P<new>.*?)\" did not complete successfully)"
    r": exit code: (?P<code>\d+)"
)
_PRINTED = re.compile(r"^#(\d+) \d+\.\d+ (.*)")
_FAILED_STEP = re.compile(r"^#(\d+) ERROR:")
# A line that the build's own commands printed: they may say anything, it proves nothing about the engine.
_FROM_THE_BUILD = re.compile(r"^(?:#\d+ )?\d+\.\d+ ")
_IMMUTABLE = (
    "The registry's tags are immutable and this one holds another build: "
    "put {sha} or {tree} into `image.tag`, or delete the tag."
)
# (what it says, what to do, may it work later by itself)
_PUSH = (
    (r"immutable", _IMMUTABLE, False),
    (r"does not exist locally", "The image was pruned meanwhile; it is built again by `retry`.", True),
    (r"repository .*does not exist|name unknown|NAME_UNKNOWN", "Create the repository; Tengu does not.", False),
    (
        r"denied|unauthorized|no basic auth|authentication required|403|401",
        "Allow Tengu to push: ecr:PutImage and the layer upload actions, or `docker login` to this registry.",
        False,
    ),
    (r"timeout|connection re|EOF|no such host|50[0234]|toomanyrequests", "", True),
)


def engine_error(action: str, lines: Sequence[str]) -> ServiceError | None:
    """The error if the engine itself is the reason."""
    said = "\n".join(line for line in lines if not _FROM_THE_BUILD.match(line))
    if _FORBIDDEN.search(said):
        advice = "Add the user that runs Tengu to the group `docker`, or set DOCKER_HOST."
        return ServiceError("docker", action, "this user may not use the docker engine.", advice=advice)
    if _UNREACHABLE.search(said):
        advice = "Start it (`systemctl start docker`), or set DOCKER_HOST; then `retry`."
        return ServiceError("docker", action, "the docker engine cannot be reached.", advice=advice, transient=True)
    if _FULL.search(said):
        advice = "Free some: `docker system prune` shows how much it would give back."
        return ServiceError("docker", action, "no space is left on the engine's disk.", advice=advice)
    return None


def build_error(lines: Sequence[str]) -> ServiceError | StepFailed:
    """The error behind a build that failed: the engine, a registry, or (StepFailed) the Dockerfile and its commands."""
    engine = engine_error("build", lines)
    if engine is not None:
        return engine
    said = "\n".join(line for line in lines if not _FROM_THE_BUILD.match(line))
    printed = last_lines(lines)
    tail = f"\n{printed}" if printed else ""
    failed = _FAILED_RUN.search(said)
    if failed:
        command = (failed["old"] or failed["new"]).removeprefix("/bin/sh -c ")
        return StepFailed("build_failed", f"`{command}` ended with exit code {failed['code']}.{tail}")
    if _PULL.search(said):
        return ServiceError("image registry", "pull the base image", _last_error(lines), transient=True)
    return StepFailed("build_failed", f"The image could not be built: {_last_error(lines)}{tail}")


def push_error(action: str, lines: Sequence[str]) -> ServiceError:
    """The error behind a push that failed for another reason than the engine."""
    said = _last_error(lines)
    for pattern, advice, transient in _PUSH:
        if re.search(pattern, said, re.IGNORECASE):
            return ServiceError("image registry", action, said, advice=advice, transient=transient)
    return ServiceError("image registry", action, said)


def _last_error(lines: Sequence[str]) -> str:
    marked = [line for line in lines if re.search(r"error|denied|failed", line, re.IGNORECASE)]
    said = (marked or list(lines) or ["docker said nothing"])[-1]
    return said.removeprefix("ERROR: ").removeprefix("error: ")


def last_lines(lines: Sequence[str]) -> str:
    """What the build's own commands printed last, for people: of the step that failed, if one did."""
    failed = [match[1] for line in lines if (match := _FAILED_STEP.match(line))]
    printed = [match for line in lines if (match := _PRINTED.match(line))]
    return "\n".join(match[2] for match in printed if not failed or match[1] == failed[-1])[-_SHOWN:]

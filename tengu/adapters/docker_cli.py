"""Which docker command builds with BuildKit, and what it may see.

docker/cli: version 23 and newer build with the buildx plug-in, and with the legacy builder where that is missing;
older ones have BuildKit built in (DOCKER_BUILDKIT=1). The one that stands first on PATH may be of the wrong kind.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tengu.adapters.docker_config import auth_entry, config_folder
from tengu.adapters.process import environment
from tengu.errors import ServiceError
from tengu.ports.image import RegistryCredentials

_FIRST_WITHOUT_BUILT_IN_BUILDKIT = 23
_DAEMON = ("DOCKER_HOST", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH", "DOCKER_API_VERSION")


@dataclass(frozen=True)
class DockerCli:
    """One docker command.

    Args:
        path: of the executable.
        buildx: True if `docker buildx` works, False if BuildKit is built in.
        plugins: folder of the user's own plug-ins, which a temporary DOCKER_CONFIG would hide.
    """

    path: str
    buildx: bool
    plugins: Path

    @property
    def build(self) -> tuple[str, ...]:
        """The command that builds and leaves the image with the engine."""
        return (self.path, "buildx", "build", "--load") if self.buildx else (self.path, "build")


def find_docker() -> DockerCli:
    """The first docker on PATH that builds with BuildKit. Raises ServiceError("docker", …) if there is none."""
    plugins = config_folder() / "cli-plugins"
    found = [Path(folder) / "docker" for folder in os.get_exec_path() if (Path(folder) / "docker").is_file()]
    for path in map(str, found):
        if _works(path, "buildx", "version"):
            return DockerCli(path, buildx=True, plugins=plugins)
        if _major_version(path) < _FIRST_WITHOUT_BUILT_IN_BUILDKIT:
            return DockerCli(path, buildx=False, plugins=plugins)
    detail = f"{found[0]} has no buildx plug-in." if found else "there is no `docker` command on PATH."
    advice = "Install docker with its buildx plug-in (Debian: `apt-get install docker.io`)."
    raise ServiceError("docker", "find a command that builds", detail, advice=advice)


@contextmanager
def docker_environment(cli: DockerCli, login: RegistryCredentials | None) -> Iterator[dict[str, str]]:
    """The environment of one docker command: where the daemon is, and a configuration with just this login."""
    with TemporaryDirectory(prefix="tengu-docker-") as folder:
        key, entry = auth_entry(login) if login else ("", {})
        config = {"auths": {key: entry} if login else {}, "cliPluginsExtraDirs": [str(cli.plugins)]}
        (Path(folder) / "config.json").touch(mode=0o600)
        (Path(folder) / "config.json").write_text(json.dumps(config))
        yield environment(
            *_DAEMON,
            HOME=folder,
            DOCKER_CONFIG=folder,
            DOCKER_BUILDKIT="1",
            # An attestation turns the digest into that of an index (docs.docker.com/build/metadata/attestations).
            BUILDX_NO_DEFAULT_ATTESTATIONS="1",
            BUILDKIT_PROGRESS="plain",
            **_endpoint(cli),
        )


def _endpoint(cli: DockerCli) -> dict[str, str]:
    """DOCKER_HOST of the user's current context, which the temporary configuration does not know."""
    if os.environ.get("DOCKER_HOST") or not (config_folder() / "config.json").is_file():
        return {}
    template = "{{.Endpoints.docker.Host}}"
    done = _try(cli.path, "context", "inspect", "--format", template)
    host = done.stdout.strip() if done and done.returncode == 0 else ""
    return {"DOCKER_HOST": host} if host else {}


def _works(path: str, *arguments: str) -> bool:
    done = _try(path, *arguments)
    return done is not None and done.returncode == 0


def _major_version(path: str) -> float:
    done = _try(path, "--version")
    match = re.search(r"version (\d+)\.", done.stdout) if done else None
    return int(match[1]) if match else float("inf")


def _try(*command: str) -> subprocess.CompletedProcess[str] | None:
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None

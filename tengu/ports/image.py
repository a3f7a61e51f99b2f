"""Where images come from and go to: the checkout, the builder, the registry."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from tengu.ports.code_host import CloneAccess
from tengu.secret import Secret


@dataclass(frozen=True)
class Checkout:
    """A clean work tree of exactly one commit, without `.git` inside.

    Args:
        tree: sha of the commit's tree.
        committed_at: committer date, UTC.
    """

    path: Path
    commit: str
    tree: str
    committed_at: datetime


class SourceControl(Protocol):
    """git."""

    def checkout(self, access: CloneAccess, commit: str, folder: Path, stop: threading.Event) -> Checkout:
        """Fetch that one commit and lay its tree into `folder`, replacing what is there.

        Credentials go by GIT_CONFIG_* variables, never argv, URL or log. Raises ServiceError("git", …).
        """


@dataclass(frozen=True)
class RegistryCredentials:
    """Login for one registry host."""

    host: str
    username: str
    password: Secret


@dataclass(frozen=True)
class Image:
    """An image as the registry has it.

    Args:
        digest: `sha256:…` of what the tag points to (an index or a manifest).
        manifests: digests of the manifests in an index; empty for a plain manifest.
        labels: the config's labels (of the wanted platform's manifest).
    """

    repository: str
    tag: str
    digest: str
    manifests: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)


class ImageRegistry(Protocol):
    """An OCI registry, ECR among them."""

    def find(self, repository: str, reference: str, *, region: str | None, role_arn: str | None) -> Image | None:
        """The image of that tag or digest; None if there is none. Raises ServiceError("image registry", …)."""

    def credentials(self, repository: str, *, region: str | None, role_arn: str | None) -> RegistryCredentials | None:
        """What a push to it needs: ECR's token, or docker's own configuration for that one host; None = anonymous."""


@dataclass(frozen=True)
class BuildRequest:
    """What to build and where to push it.

    Args:
        context, dockerfile: inside the checkout, checked not to leave it.
        image: `repository:tag`.
    """

    checkout: Path
    context: str
    dockerfile: str
    target: str | None
    platform: str
    build_args: Mapping[str, str]
    labels: Mapping[str, str]
    image: str
    credentials: RegistryCredentials | None


class ImageBuilder(Protocol):
    """Builds an image and pushes it."""

    def build(self, request: BuildRequest, log: Callable[[str], None], stop: threading.Event) -> None:
        """Build it locally. Raises StepFailed("build_failed", …) with the failing command and the last lines;
        ServiceError("docker", …) if the engine cannot be reached. Killed when `stop` is set or Tengu dies."""

    def push(self, request: BuildRequest, log: Callable[[str], None], stop: threading.Event) -> None:
        """Push it to its registry."""

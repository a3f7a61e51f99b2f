"""Which registry an image name means (distribution/reference, "Grammar", and docker's defaults)."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

_ECR = re.compile(
    r"(?P<account>\d{12})\.dkr[.-]ecr(?:-fips)?\.(?P<region>[a-z0-9-]+)\.(?:amazonaws\.com(?:\.cn)?|on\.aws|on\.amazonwebservices\.com\.cn)"
)
DOCKER_HUB = "docker.io"


@dataclass(frozen=True)
class Registry:
    """Where a repository lives.

    Args:
        host: as it stands in the image name, with its port (`docker.io` where there is none).
        name: the repository's name within the registry.
        url: base address of its API, without `/v2`.
        ecr_region: the region in an ECR host; None for other registries.
    """

    host: str
    name: str
    url: str
    ecr_region: str | None


def registry_of(repository: str) -> Registry:
    """Where `repository` (no tag, no digest) lives; loopback registries are spoken to over plain http."""
    first, slash, rest = repository.partition("/")
    if not slash or not ("." in first or ":" in first or first == "localhost"):
        name = repository if slash else f"library/{repository}"
        return Registry(DOCKER_HUB, name, "https://registry-1.docker.io", None)
    scheme = "http" if is_loopback(first) else "https"
    match = _ECR.fullmatch(first)
    host = "registry-1.docker.io" if first == DOCKER_HUB else first
    return Registry(first, rest, f"{scheme}://{host}", match["region"] if match else None)


def is_loopback(host: str) -> bool:
    """True for `localhost`, 127.0.0.0/8 and ::1, with or without a port."""
    name = host[1:].partition("]")[0] if host.startswith("[") else host.rpartition(":")[0] or host
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False

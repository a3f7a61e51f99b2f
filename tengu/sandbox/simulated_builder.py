"""Builds where there is no container engine: no command runs, but what is pushed is a real OCI image.

The image's one layer is the build context below /app; the registry, its digests and its labels are as real as after a
true build (opencontainers/image-spec manifest.md and config.md; opencontainers/distribution-spec, "Pushing").
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import re
import tarfile
import threading
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from tengu.errors import LeaseLost, ServiceError, StepFailed
from tengu.ports.image import BuildRequest

_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
_FAILS = re.compile(r"^RUN\s+(false|exit\s+([1-9]\d*))\s*$", re.IGNORECASE)


class SimulatedBuilder:
    """The ImageBuilder port without an engine. Pushes to registries on loopback alone.

    A Dockerfile with the line `RUN exit N` or `RUN false` fails as it would fail for real.
    """

    def build(self, request: BuildRequest, log: Callable[[str], None], stop: threading.Event) -> None:
        """Read the Dockerfile and say what would run. Raises StepFailed("build_failed", …)."""
        log("Simulated build: there is no container engine here, so no command of the Dockerfile runs.")
        for line in (request.checkout / request.dockerfile).read_text().splitlines():
            if stop.is_set():
                raise LeaseLost("the build was stopped")
            if line.strip() and not line.startswith("#"):
                log(f"[simulated] {line}")
            failure = _FAILS.match(line)
            if failure:
                raise StepFailed("build_failed", f"`{failure[1]}` ended with exit code {failure[2] or 1}.")

    def push(self, request: BuildRequest, log: Callable[[str], None], stop: threading.Event) -> None:
        """Assemble the image and push it. Raises ServiceError("image registry", …)."""
        host, _, rest = request.image.partition("/")
        name, _, tag = rest.rpartition(":")
        if urlsplit(f"//{host}").hostname not in ("127.0.0.1", "localhost", "::1"):
            detail = f"{host} is not on this machine, and a simulated image must not leave it."
            raise ServiceError("image registry", f"push {request.image}", detail)
        layer, config = _image(request)
        manifest = _json(
            schemaVersion=2,
            mediaType=_MANIFEST,
            config=_descriptor(_CONFIG, config),
            layers=[_descriptor(_LAYER, layer)],
        )
        with httpx.Client(base_url=f"http://{host}/v2/{name}/", timeout=30) as client:
            for blob in (layer, config):
                if stop.is_set():
                    raise LeaseLost("the push was stopped")
                _push_blob(client, blob, request.image)
            answer = _send(client, request.image, "PUT", f"manifests/{tag}", content=manifest, kind=_MANIFEST)
        log(f"{tag}: digest: {_digest(manifest)} size: {len(manifest)} ({answer.status_code})")


def _image(request: BuildRequest) -> tuple[bytes, bytes]:
    """Layer and config; the same request gives the same bytes."""
    plain = _tar(request.checkout / request.context)
    system, _, architecture = request.platform.partition("/")
    config = _json(
        os=system,
        architecture=architecture,
        created=request.labels.get("org.opencontainers.image.created"),
        config={"Labels": dict(request.labels), "WorkingDir": "/app"},
        rootfs={"type": "layers", "diff_ids": [_digest(plain)]},
    )
    return gzip.compress(plain, mtime=0), config


def _tar(context: Path) -> bytes:
    """The context as a tar below app/, in a fixed order, without owners and times; links stay links."""

    def without_traces(member: tarfile.TarInfo) -> tarfile.TarInfo:
        member.mtime = member.uid = member.gid = 0
        member.uname = member.gname = ""
        return member

    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        for path in sorted(context.rglob("*")):
            archive.add(path, f"app/{path.relative_to(context)}", recursive=False, filter=without_traces)
    return target.getvalue()


def _push_blob(client: httpx.Client, blob: bytes, image: str) -> None:
    """POST, then PUT (distribution-spec, "Pushing a blob monolithically"); nothing if it is there."""
    digest = _digest(blob)
    if _send(client, image, "HEAD", f"blobs/{digest}").status_code == 200:
        return
    begun = _send(client, image, "POST", "blobs/uploads/")
    target = httpx.URL(str(client.base_url)).join(begun.headers["Location"]).copy_merge_params({"digest": digest})
    _send(client, image, "PUT", str(target), content=blob)


def _send(
    client: httpx.Client,
    image: str,
    method: str,
    path: str,
    *,
    content: bytes = b"",
    kind: str = "application/octet-stream",
) -> httpx.Response:
    try:
        answer = client.request(method, path, content=content, headers={"Content-Type": kind})
    except httpx.TransportError as error:
        raise ServiceError("image registry", f"push {image}", str(error), transient=True) from error
    if answer.status_code >= 400 and method != "HEAD":
        detail = f"HTTP {answer.status_code} {answer.text[:200]}"
        raise ServiceError("image registry", f"push {image}", detail, transient=answer.status_code >= 500)
    return answer


def _descriptor(media_type: str, content: bytes) -> dict[str, object]:
    return {"mediaType": media_type, "digest": _digest(content), "size": len(content)}


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _json(**content: object) -> bytes:
    return json.dumps(content, sort_keys=True, separators=(",", ":")).encode()

"""Stands for the load balancer in front of the service `web`: one loopback address that asks a running task."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

from tengu.sandbox.engine import Engine, api
from tengu.sandbox.example_app import PORT
from tengu.sandbox.faults import Faults, Receive, Scope, Send
from tengu.sandbox.server import Server
from tengu.sandbox.world import World

_ASK = ["busybox", "wget", "-q", "-O", "-", f"http://127.0.0.1:{PORT}/healthz"]


class Site:
    """`GET /healthz` answers what the newest container of `web` answers; without an engine, what its image is."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.faults = Faults(self._serve, lambda scope, _body: f"{scope['method']} {scope['path']}")
        self._server = Server(self.faults)
        self.url = f"{self._server.url}/healthz"

    def __enter__(self) -> Site:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop()

    def answer(self) -> dict[str, str]:
        """What it answers now."""
        answer: dict[str, str] = json.loads(self._answer()[1])
        return answer

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            for phase in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{phase}.complete"})
            return
        status, body = await asyncio.to_thread(self._answer)
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _answer(self) -> tuple[int, bytes]:
        if self._world.engine is None:
            return 200, json.dumps({"status": "ok", "commit": _commit(self._world)}).encode()
        found = containers(self._world.engine, self._world.running()["web"], "bin/serve")
        body = _exec(self._world.engine, found[0]["Id"], _ASK) if found else b""
        return (200, body) if body else (503, b"{}")


def _commit(world: World) -> str:
    """The tag of the image that `web` is on."""
    digest = world.running()["web"].partition("@")[2]
    images = world.aws.client("ecr").describe_images(repositoryName="web")["imageDetails"]
    return next((tag for image in images if image["imageDigest"] == digest for tag in image.get("imageTags", ())), "")


def containers(engine: Engine, image: str, command: str) -> list[dict[str, Any]]:
    """The running containers of that image and command, newest first, as docker lists them."""
    with api(engine.host, timeout=30) as client:
        listed = client.get("/containers/json").raise_for_status().json()
    found = [each for each in listed if each["Image"] == image and each["Command"].startswith(command)]
    return sorted(found, key=lambda each: -each["Created"])


def _exec(engine: Engine, container: str, command: list[str]) -> bytes:
    """What a command prints in a container (https://docs.docker.com/reference/api/engine/, Exec)."""
    with api(engine.host, timeout=30) as client:
        asked = client.post(f"/containers/{container}/exec", json={"AttachStdout": True, "Cmd": command})
        begun = client.post(f"/exec/{asked.raise_for_status().json()['Id']}/start", json={"Detach": False})
    return b"".join(_frames(begun.raise_for_status().content))


def _frames(stream: bytes) -> Iterator[bytes]:
    """The contents of docker's multiplexed stream: frames of 8 bytes' head, the last 4 of which are the length."""
    while stream:
        length = int.from_bytes(stream[4:8])
        yield stream[8 : 8 + length]
        stream = stream[8 + length :]

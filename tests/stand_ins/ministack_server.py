"""ministack as a child process: its /v2 is the registry of these tests."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx


@contextmanager
def ministack(folder: Path) -> Iterator[str]:
    """Yields `127.0.0.1:PORT`."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    env = {
        "PATH": os.environ["PATH"],
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "STATE_DIR": str(folder),
        "TMPDIR": str(folder),
        "HOME": str(folder),
        "DOCKER_HOST": "unix:///nowhere.sock",
        "LOG_LEVEL": "WARNING",
    }
    with (folder / "ministack.log").open("wb") as log:
        command = [sys.executable, "-m", "ministack"]
        child = subprocess.Popen(command, env=env, stdout=log, stderr=log, start_new_session=True, cwd=folder)
        try:
            _await(f"http://127.0.0.1:{port}/v2/", child)
            yield f"127.0.0.1:{port}"
        finally:
            child.kill()
            child.wait(timeout=10)


def create_repository(host: str, name: str) -> None:
    """ECR's CreateRepository, unsigned: ministack looks at the target alone."""
    headers = {
        "X-Amz-Target": "AmazonEC2ContainerRegistry_V20150921.CreateRepository",
        "Content-Type": "application/x-amz-json-1.1",
    }
    httpx.post(f"http://{host}/", json={"repositoryName": name}, headers=headers).raise_for_status()


def _await(url: str, child: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and child.poll() is None:
        try:
            httpx.get(url, timeout=1)
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError("ministack did not start")

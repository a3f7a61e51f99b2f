"""The AWS stand-in: the emulator ministack (a Python package) as a child process, behind a faulty proxy."""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import boto3
import httpx

from tengu.sandbox.aws.proxy import Proxy, Switch, call_name
from tengu.sandbox.aws.simulation import Simulation
from tengu.sandbox.faults import Faults
from tengu.sandbox.server import Server

REGION = "ap-northeast-1"
ACCOUNT = "123456789012"
KEYS = {"AWS_ACCESS_KEY_ID": ACCOUNT, "AWS_SECRET_ACCESS_KEY": "sandbox"}
_NO_DOCKER = "unix:///nonexistent/docker.sock"
# What the child needs of our environment; the person's own AWS settings must not get in.
_KEPT = ("PATH", "HOME", "LANG", "VIRTUAL_ENV", "PYTHONPATH")


class AwsStandIn:
    """ECS, ECR with its image registry, CloudWatch Logs, STS and IAM on one loopback address.

    Args:
        folder: for its files and its log.
        docker_host: engine that runs the tasks as containers; None: tasks are RUNNING at once and run
            nothing, and `simulation` says which rollouts and one-off tasks fail.
        port: of the proxy; 0 takes a free one.
    """

    def __init__(self, folder: Path, docker_host: str | None, port: int = 0) -> None:
        self._folder = folder
        self._docker_host = docker_host
        self._port = _free_port()
        proxy = Proxy(f"http://127.0.0.1:{self._port}")
        self.simulation = Simulation(proxy)
        self.faults = Faults(proxy if docker_host else self.simulation, call_name)
        self._server = Server(Switch(self.faults, proxy), port)
        self.url = self._server.url
        self.registry = f"127.0.0.1:{self._server.port}"
        self._child: subprocess.Popen[bytes] | None = None
        self._clients: dict[str, Any] = {}
        self._serving = False

    @property
    def environment(self) -> Mapping[str, str]:
        """Variables with which boto3 speaks to it, and to nothing else."""
        return {
            **KEYS,
            "AWS_ENDPOINT_URL": self.url,
            "AWS_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def client(self, service: str) -> Any:
        """A boto3 client that speaks to it directly, past the faults and uncounted: for set-up and for looking."""
        if service not in self._clients:
            self._clients[service] = self._new_client(service)
        return self._clients[service]

    def _new_client(self, service: str) -> Any:
        return boto3.client(  # type: ignore[call-overload]  # the name is a variable
            service,
            endpoint_url=f"http://127.0.0.1:{self._port}",
            region_name=REGION,
            aws_access_key_id=KEYS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=KEYS["AWS_SECRET_ACCESS_KEY"],
        )

    def reset(self) -> None:
        """Forget everything; containers that it started are removed."""
        self.faults.clear()
        self.simulation.clear()
        httpx.post(f"http://127.0.0.1:{self._port}/_ministack/reset", timeout=60, trust_env=False).raise_for_status()

    def start(self) -> AwsStandIn:
        """Start it and wait until it answers."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._child = self._spawn()
        deadline = time.monotonic() + 30
        with httpx.Client(timeout=2, trust_env=False) as client:  # making one takes longer than asking
            while not self._answers(client):
                if self._child.poll() is not None or time.monotonic() > deadline:
                    self.stop()
                    raise RuntimeError(f"ministack did not start: see {self._folder / 'ministack.log'}")
                time.sleep(0.02)
        self._server.start()
        self._serving = True
        logging.getLogger("uvicorn.error").addFilter(_not_tls)
        return self

    def stop(self) -> None:
        """Stop it; the containers that it started are removed."""
        if self._serving:
            self._server.stop()
            self._serving = False
        if self._child is None or self._child.stdin is None:
            return
        self._child.stdin.close()
        try:
            self._child.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        self._child = None

    def __enter__(self) -> AwsStandIn:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _spawn(self) -> subprocess.Popen[bytes]:
        environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
        environment |= KEYS | {
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self._port),
            "STATE_DIR": str(self._folder),
            "TMPDIR": str(self._folder),
            "S3_DATA_DIR": str(self._folder / "s3"),
            "DOCKER_HOST": self._docker_host or _NO_DOCKER,
            "MINISTACK_REGION": REGION,
            "MINISTACK_ACCOUNT_ID": ACCOUNT,
            "LOG_LEVEL": "WARNING",
            "SERVICES": "ecs,ecr,logs,sts,iam",
            "IOT_MTLS_ENABLED": "0",  # would listen on every interface
            "SFTP_ENABLED": "0",
        }
        with (self._folder / "ministack.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "tengu.sandbox.aws.child"],
                env=environment,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _answers(self, client: httpx.Client) -> bool:
        try:
            return client.get(f"http://127.0.0.1:{self._port}/_ministack/health").is_success
        except httpx.HTTPError:
            return False


def _not_tls(record: logging.LogRecord) -> bool:
    """Docker speaks TLS to a registry first and falls back to plain HTTP on loopback: not worth a warning each time."""
    return "Invalid HTTP request received" not in record.getMessage()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

"""A Tengu of its own process in the sandbox's world: `tengu serve`, as a team runs it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

import httpx

# What the child needs of our environment; the person's own credentials must not get in.
_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV")
_SERVE = ("-m", "tengu", "serve")
_SIMULATED = ("-m", "tengu.sandbox.serve_simulated")


class TenguProcess:
    """Starts `tengu serve`, stops it, kills it, starts it again.

    Args:
        environment: its variables (`World.environment`).
        log: file for what it writes.
        simulated: it has no container engine to build with.
        port: 0 takes a free one, once: a restart listens on the same.
        more: further arguments.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        log: Path,
        *,
        simulated: bool,
        port: int = 0,
        more: Sequence[str] = (),
    ) -> None:
        self.environment = dict(environment)
        self._log = log
        self._arguments = (*(_SIMULATED if simulated else _SERVE), *more)
        self.port = port or _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def is_running(self) -> bool:
        """True while the process lives."""
        return self._child is not None and self._child.poll() is None

    def start(self, timeout: float = 60) -> TenguProcess:
        """Start it and wait until it answers.

        Raises:
            RuntimeError: it ended, or does not answer in time; with its last words.
        """
        self._child = spawn((*self._arguments, "--port", str(self.port)), self.environment, self._log)
        deadline = time.monotonic() + timeout
        with httpx.Client(timeout=2, trust_env=False) as client:  # making one takes longer than asking
            while not self._answers(client):
                if not self.is_running or time.monotonic() > deadline:
                    self.kill()
                    raise RuntimeError(f"tengu serve did not start:\n{self.last_words()}")
                time.sleep(0.05)
        return self

    def stop(self, timeout: float = 60) -> int:
        """SIGTERM, as a supervisor does; answers with the exit status."""
        if self._child is None:
            return 0
        self._child.send_signal(signal.SIGTERM)
        return self._child.wait(timeout)

    def kill(self) -> None:
        """SIGKILL: no chance to tidy up."""
        if self._child is not None:
            self._child.kill()
            self._child.wait()

    def last_words(self, lines: int = 15) -> str:
        """The end of its log."""
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-lines:])

    def __enter__(self) -> TenguProcess:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.is_running:
            self.stop()

    def _answers(self, client: httpx.Client) -> bool:
        try:
            return client.get(f"{self.url}/readyz").is_success
        except httpx.HTTPError:
            return False


def spawn(arguments: Sequence[str], environment: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
    """Start Python with those arguments and variables, in a session of its own; it writes to that file."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    with log.open("ab") as target:
        return subprocess.Popen(
            [sys.executable, *arguments],
            env=kept | dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=target,
            stderr=target,
            start_new_session=True,
        )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

"""Children that never outlive their purpose: git, docker.

A child runs in a session of its own, with an environment that names what it may see, and is killed with all it
started when `stop` is set, when its time is up, or (Linux: prctl(2), PR_SET_PDEATHSIG) when Tengu itself dies.
What survives a SIGKILL of Tengu all the same (a grandchild, another system) still holds the folder's lock, so
the next owner of the deployment waits for it instead of working beside it.
"""

from __future__ import annotations

import fcntl
import os
import re
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tengu.errors import LeaseLost, ServiceError

LOCK = ".busy"
_TAIL = 60
_LONGEST_LINE = 4_000
_TURN = 0.2
_NOT_TEXT = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f-\x9f]")
#: What every child may see of Tengu's environment: how to find programs and how to get out of the network.
_COMMON = (
    "PATH", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "no_proxy",
    "all_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO",
)  # fmt: skip
# Runs in the child before the program takes its place. A preexec_fn would do the same, but is not safe in a
# process with threads.
_TRAMPOLINE = """
import os, signal, sys
if sys.platform == "linux":
    import ctypes
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    if os.getppid() != int(sys.argv[1]):
        os._exit(137)
try:
    os.execvp(sys.argv[2], sys.argv[2:])
except OSError as error:
    print(f"{sys.argv[2]}: {error.strerror}", flush=True)
    os._exit(127)
"""


@dataclass(frozen=True)
class Finished:
    """How a child ended: its exit status and the last lines it printed (stdout and stderr)."""

    returncode: int
    lines: tuple[str, ...]


class TimedOutError(Exception):
    """The child ran longer than it may and was killed; `lines` are the last it printed."""

    def __init__(self, lines: tuple[str, ...]) -> None:
        super().__init__("timed out")
        self.lines = lines


def environment(*names: str, **values: str) -> dict[str, str]:
    """The environment of a child: these variables of ours, the common ones, and these values; nothing else."""
    kept = {name: os.environ[name] for name in (*_COMMON, *names) if name in os.environ}
    return {"LC_ALL": "C.UTF-8", **kept, **values}


def run(
    arguments: Sequence[str],
    *,
    env: Mapping[str, str],
    timeout: float,
    stop: threading.Event,
    cwd: Path | None = None,
    log: Callable[[str], None] = lambda line: None,
    lock: int | None = None,
) -> Finished:
    """Run a program to its end, handing each line it prints to `log`.

    Args:
        env: its whole environment.
        timeout: seconds.
        lock: what `exclusive` gave: the child holds that lock too, for as long as it lives.

    Raises TimedOutError, and LeaseLost when `stop` was set; the child and what it started are dead by then.
    """
    child = _start(arguments, env, cwd, lock)
    lines: deque[str] = deque(maxlen=_TAIL)
    deadline = time.monotonic() + timeout
    try:
        for line in _lines(child):
            if line is not None:
                lines.append(line)
                log(line)
            _check(arguments[0], stop, deadline, lines)
        while not _ended(child):
            _check(arguments[0], stop, deadline, lines)
            stop.wait(0.005)
    finally:
        _kill(child)
    return Finished(child.returncode, tuple(lines))


def _start(
    arguments: Sequence[str], env: Mapping[str, str], cwd: Path | None, lock: int | None
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _TRAMPOLINE, str(os.getpid()), *arguments],
        env=dict(env),
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        pass_fds=() if lock is None else (lock,),
        umask=0o022,
    )


def _check(program: str, stop: threading.Event, deadline: float, lines: deque[str]) -> None:
    if stop.is_set():
        raise LeaseLost(f"{program} was stopped")
    if time.monotonic() > deadline:
        raise TimedOutError(tuple(lines))


def _lines(child: subprocess.Popen[bytes]) -> Iterator[str | None]:
    """Its lines as they come; None at least every `_TURN` seconds. Ends with the output, or with the child when
    something it left behind keeps the pipe open."""
    assert child.stdout is not None  # noqa: S101 - asked for with PIPE above
    pipe = child.stdout.fileno()
    rest = b""
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while True:
            if not selector.select(_TURN):
                if _ended(child):
                    break
                yield None
                continue
            chunk = os.read(pipe, 65_536)
            if not chunk:
                break
            *whole, rest = (rest + chunk).replace(b"\r", b"\n").split(b"\n")
            yield from (_text(line) for line in whole if line.strip())
            rest = rest[:_LONGEST_LINE]
            yield None
    if rest.strip():
        yield _text(rest)


def _text(line: bytes) -> str:
    return _NOT_TEXT.sub("", line[:_LONGEST_LINE].decode("utf-8", "replace")).rstrip()


def _ended(child: subprocess.Popen[bytes]) -> bool:
    """Without reaping it: its number must not go to a stranger before `_kill` has used it."""
    return os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _kill(child: subprocess.Popen[bytes]) -> None:
    """The whole session: the child may be gone while what it started still runs."""
    with suppress(ProcessLookupError, PermissionError):  # macOS answers EPERM for a group of zombies
        os.killpg(child.pid, signal.SIGKILL)
    child.wait(timeout=10)
    if child.stdout is not None:
        child.stdout.close()


@contextmanager
def exclusive(folder: Path, stop: threading.Event, wait: float = 60) -> Iterator[int]:
    """Only one process works in this folder: flock(2) on a file in it; give the number it yields to `run`.

    A build that outlived its Tengu holds it until it is dead. Raises LeaseLost when `stop` is set, and
    ServiceError when the lock is not free within `wait` seconds.
    """
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        deadline = time.monotonic() + wait
        while not _locked(handle):
            if stop.wait(0.1):
                raise LeaseLost("stopped while waiting for an earlier run to end")
            if time.monotonic() > deadline:
                raise ServiceError(
                    "this machine",
                    f"lock {folder.name}",
                    f"a git or docker left from an earlier run still works in {folder}.",
                    advice="See with `ps` what it does; end it if it hangs.",
                    transient=True,
                )
        yield handle
    finally:
        os.close(handle)


def _locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True

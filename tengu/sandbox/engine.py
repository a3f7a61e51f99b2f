"""A container engine for the sandbox: the one that runs, or docker.io of Debian, started for this sandbox alone."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

_DEFAULT_SOCKET = "unix:///var/run/docker.sock"
_PACKAGES = ("docker.io", "busybox-static")
_START_WITHIN = 30.0
_STOP_WITHIN = 20.0
_INSTALL_WITHIN = 600.0
_LONGEST_SOCKET = 100 + len("unix://")  # unix(7): 108 bytes with the zero
#: docker.io's dockerd lives in sbin, which is not on everybody's PATH.
_PROGRAMS = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
_SIMULATED = "Builds and tasks are simulated: images are assembled without running the Dockerfile, no container starts."


@dataclass
class Engine:
    """A docker daemon.

    Args:
        host: for DOCKER_HOST.
        pid: of the daemon, if this sandbox has to stop it.
    """

    host: str
    pid: int | None = None

    def close(self) -> None:
        """Stop it if this sandbox started it; its containers end with it."""
        if self.pid is None:
            return
        _signal(self.pid, signal.SIGTERM)
        deadline = time.monotonic() + _STOP_WITHIN
        while _runs(self.pid):
            if time.monotonic() > deadline:
                _signal(self.pid, signal.SIGKILL)
                break
            time.sleep(0.05)
        self.pid = None


def find_or_start_engine(say: Callable[[str], None], folder: Path, *, install: bool = True) -> Engine | None:
    """A reachable docker daemon; as root on Debian or Ubuntu one that is installed and started for it.

    Args:
        say: told in plain sentences what is done, before it is done.
        folder: for the data of a daemon that is started here.
        install: False never calls apt-get.

    None, after saying why and what is simulated, where there is no engine.
    """
    named = os.environ.get("DOCKER_HOST")
    for host in [named] if named else [_DEFAULT_SOCKET, *_hosts_of_running_daemons()]:
        if is_reachable(host):
            say(f"Using the docker daemon at {host}.")
            return Engine(host, _left_behind(folder) if host == _host(folder) else None)
    obstacle = _obstacle(named, install)
    if not obstacle and not _program("dockerd"):
        obstacle = _install(say)
    if not obstacle:
        try:
            return start_engine(say, folder)
        except RuntimeError as error:
            obstacle = str(error)
    say(f"{obstacle} {_SIMULATED}")
    return None


def is_reachable(host: str) -> bool:
    """True if a docker daemon answers there (Docker Engine API, `GET /_ping`)."""
    scheme, _, address = host.partition("://")
    try:
        if scheme == "unix":  # httpcore leaks the socket of a failed connection
            with socket.socket(socket.AF_UNIX) as probe:
                probe.settimeout(3)
                probe.connect(address)
        with api(host, timeout=3) as client:
            return client.get("/_ping").status_code == 200
    except (httpx.HTTPError, OSError, ValueError):
        return False


def api(host: str, *, timeout: float) -> httpx.Client:
    """A client for the Docker Engine API at that DOCKER_HOST. Raises ValueError for what is neither unix nor tcp."""
    scheme, _, address = host.partition("://")
    if scheme == "unix":
        return httpx.Client(transport=httpx.HTTPTransport(uds=address), base_url="http://docker", timeout=timeout)
    if scheme in ("tcp", "http"):
        return httpx.Client(base_url=f"http://{address}", timeout=timeout)
    raise ValueError(f"{host} is not an address of a docker daemon")


def start_engine(say: Callable[[str], None], folder: Path) -> Engine:
    """Start dockerd with its data in `folder`. Raises RuntimeError, with dockerd's last words, if it does not come up.

    Directly and not by the init script: that raises limits which a container may not raise.
    """
    folder.mkdir(parents=True, exist_ok=True)
    host, log = _host(folder), folder / "dockerd.log"
    if len(host) > _LONGEST_SOCKET:
        raise RuntimeError(f"{folder} is too long a path for a docker daemon's socket: choose a shorter TENGU_HOME.")
    say(f"Starting a docker daemon of this sandbox's own in {folder}; it ends with the sandbox.")
    command = [_program("dockerd") or "dockerd", "--host", host, "--storage-driver", "overlay2"]
    command += ["--data-root", str(folder / "data"), "--exec-root", str(folder / "exec")]
    command += ["--pidfile", str(_pid_file(folder))]
    with log.open("wb") as output:
        daemon = subprocess.Popen(
            command,
            env={"PATH": _PROGRAMS, **_proxies()},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    # Whoever stops it may be another process than this one, so nobody waits for it as a child: a thread reaps it.
    threading.Thread(target=daemon.wait, name="dockerd", daemon=True).start()
    engine = Engine(host, daemon.pid)
    deadline = time.monotonic() + _START_WITHIN
    while not is_reachable(host):
        if not _runs(daemon.pid) or time.monotonic() > deadline:
            engine.close()
            raise RuntimeError(f"The docker daemon did not start: {_last_words(log)}")
        time.sleep(0.05)
    return engine


def _obstacle(named: str | None, install: bool) -> str:
    """Why no daemon can be started here; empty if one can."""
    if named:
        return f"No docker daemon answers at DOCKER_HOST={named}."
    if os.geteuid() != 0:
        return "No docker daemon answers, and starting one takes root."
    others = _running_daemons()
    if others:
        # Two daemons on one machine take each other's network bridge away.
        return f"A docker daemon runs (process {others[0].name}), but no address of it answers: set DOCKER_HOST."
    if _program("dockerd"):
        return ""
    if not install:
        return "No docker daemon is installed."
    if not Path("/etc/debian_version").exists() or not shutil.which("apt-get"):
        return "No docker daemon is installed, and this is neither Debian nor Ubuntu: install docker to have real ones."
    return ""


def _install(say: Callable[[str], None]) -> str:
    """Install Debian's packages; empty if that worked, else why not."""
    say(f"Installing Debian's {' and '.join(_PACKAGES)} with apt-get (about 270 MB), for real builds and containers.")
    env = {"PATH": _PROGRAMS, "DEBIAN_FRONTEND": "noninteractive", **_proxies()}
    steps = (["apt-get", "update", "-q"], ["apt-get", "install", "-q", "-y", "--no-install-recommends", *_PACKAGES])
    for step in steps:
        try:
            done = subprocess.run(step, env=env, capture_output=True, text=True, timeout=_INSTALL_WITHIN, check=False)
        except subprocess.TimeoutExpired:
            return f"`{' '.join(step[:2])}` took longer than {_INSTALL_WITHIN / 60:.0f} minutes."
        if done.returncode:
            said = (done.stderr.strip() or done.stdout.strip()).splitlines()
            return f"`{' '.join(step[:2])}` failed: {said[-1] if said else 'it said nothing.'}"
    return "" if _program("dockerd") else "docker.io is installed, but there is no dockerd."


def _proxies() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.lower().endswith("_proxy")}


def _program(name: str) -> str | None:
    return shutil.which(name, path=_PROGRAMS)


def _running_daemons() -> list[Path]:
    """The /proc folders of processes named dockerd."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/comm"):
        with suppress(OSError):  # it may end while we look
            if entry.read_text().strip() == "dockerd":
                found.append(entry.parent)
    return found


def _hosts_of_running_daemons() -> list[str]:
    """The addresses that their command lines name."""
    hosts = []
    for process in _running_daemons():
        with suppress(OSError):
            words = (process / "cmdline").read_text().replace("=", "\0").split("\0")
            pairs = itertools.pairwise(words)
            hosts += [value for option, value in pairs if option in ("-H", "--host") and "://" in value]
    return hosts


def _host(folder: Path) -> str:
    return f"unix://{folder}/docker.sock"


def _pid_file(folder: Path) -> Path:
    return folder / "docker.pid"


def _left_behind(folder: Path) -> int | None:
    """The daemon of an earlier sandbox in this folder that was killed before it could stop it."""
    try:
        pid = int(_pid_file(folder).read_text())
    except (OSError, ValueError):
        return None
    return pid if any(process.name == str(pid) for process in _running_daemons()) else None


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def _last_words(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1][-300:] if lines else "it said nothing."

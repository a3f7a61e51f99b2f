"""The sandbox's example application: its files, what its authors change, and the image it is built on."""

from __future__ import annotations

import io
import subprocess
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tengu.sandbox.engine import Engine, api

BASE_IMAGE = "tengu-sandbox/base"
#: `image.build_args` of the example: its /healthz then names the commit it was built from.
BUILD_ARGUMENTS: Mapping[str, str] = {"COMMIT": "{sha}"}
PORT = 8080

_FOLDER = Path(__file__).parent / "example"
_BUSYBOX = Path("/bin/busybox")
_TIMEOUT = 120


@dataclass(frozen=True)
class Commit:
    """One commit: its message, and the files it writes (text that starts with `#!` is a program)."""

    message: str
    files: Mapping[str, str]


@dataclass(frozen=True)
class ChangeSet:
    """One pull request of the example: who wrote it, what it changes, how it is merged.

    Args:
        author: GitHub login; a bot's ends with `[bot]`.
        merged_by: empty for the author.
    """

    title: str
    author: str
    commits: tuple[Commit, ...]
    method: Literal["merge", "squash", "rebase"] = "merge"
    merged_by: str = ""
    body: str = ""
    labels: tuple[str, ...] = ()

    @property
    def is_bot(self) -> bool:
        """True if a bot wrote it."""
        return self.author.endswith("[bot]")


def files() -> dict[str, str]:
    """The application as it is first committed: path -> text."""
    paths = sorted(path for path in _FOLDER.rglob("*") if path.is_file())
    return {str(path.relative_to(_FOLDER)): path.read_text() for path in paths}


def make_base_image(engine: Engine, say: Callable[[str], None]) -> None:
    """Make sure the engine has `tengu-sandbox/base`: this machine's static busybox, else docker's busybox image.

    Raises RuntimeError with the engine's words if neither works.
    """
    with api(engine.host, timeout=_TIMEOUT) as client:
        if client.get(f"/images/{BASE_IMAGE}/json").status_code == 200:
            return
        if _is_static(_BUSYBOX):
            say("Making the example's base image from this machine's static busybox.")
            query = {"fromSrc": "-", "repo": BASE_IMAGE, "tag": "latest", "changes": "ENV PATH=/bin"}
            answer = client.post("/images/create", params=query, content=_root_file_system())
        else:
            say("Pulling docker's busybox image as the example's base image.")
            answer = client.post("/images/create", params={"fromImage": "busybox", "tag": "stable"})
            client.post("/images/busybox:stable/tag", params={"repo": BASE_IMAGE, "tag": "latest"})
        if client.get(f"/images/{BASE_IMAGE}/json").status_code != 200:
            said = answer.text.strip()[-300:]
            raise RuntimeError(f"The example's base image could not be made: {said}")


def _is_static(program: Path) -> bool:
    """True if that program needs no shared library: it names no ELF interpreter (elf(5), PT_INTERP)."""
    return program.is_file() and b"ld-linux" not in program.read_bytes()[:4096]


def _root_file_system() -> bytes:
    """A tar with /bin/busybox, its applets as links, and the folders programs expect."""
    listed = subprocess.run([_BUSYBOX, "--list"], capture_output=True, text=True, timeout=10, check=True)
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        for folder, mode in (("bin", 0o755), ("etc", 0o755), ("tmp", 0o1777), ("root", 0o700)):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, mode
            archive.addfile(entry)
        archive.add(_BUSYBOX, "bin/busybox")
        for applet in listed.stdout.split():
            if applet != "busybox":
                entry = tarfile.TarInfo(f"bin/{applet}")
                entry.type, entry.linkname = tarfile.SYMTYPE, "busybox"
                archive.addfile(entry)
        users = b"root:x:0:0:root:/root:/bin/sh\n"
        entry = tarfile.TarInfo("etc/passwd")
        entry.size = len(users)
        archive.addfile(entry, io.BytesIO(users))
    return target.getvalue()

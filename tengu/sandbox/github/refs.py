"""Branches and other refs of a bare repository, as files."""

from __future__ import annotations

import re
from pathlib import Path

from tengu.sandbox.github.objects import GitStore

ZERO = "0" * 40
_FORBIDDEN = re.compile(r"\.\.|[\x00-\x20\x7f~^:?*\[\\]|//|@\{|/\.|\.lock(/|$)|^[./-]|[./]$")


class RefTaken(ValueError):
    """A ref of this name cannot be, because of another one (`deployment` and `deployment/production`)."""


class Refs:
    """Refs of one repository. Full names (`refs/heads/master`)."""

    def __init__(self, store: GitStore) -> None:
        self._path = store.path

    def get(self, name: str) -> str | None:
        """Sha it points at, or None."""
        try:
            return (self._path / name).read_text().strip()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return self._packed().get(name)

    def all(self, prefix: str = "refs/") -> dict[str, str]:
        """All refs whose full names start with this, sorted by name."""
        found = {name: sha for name, sha in self._packed().items() if name.startswith(prefix)}
        for file in (self._path / "refs").rglob("*"):
            name = file.relative_to(self._path).as_posix()
            if name.startswith(prefix) and file.is_file() and not name.endswith(".lock"):
                found[name] = file.read_text().strip()
        return dict(sorted(found.items()))

    def set(self, name: str, sha: str) -> None:
        """Point it there. Raises `RefTaken` where git would."""
        target = self._path / name
        if target.is_dir():
            raise RefTaken(name)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError) as error:
            raise RefTaken(name) from error
        new = target.with_name(target.name + ".lock")
        new.write_text(sha + "\n")
        new.replace(target)

    def delete(self, name: str) -> None:
        """Remove it, and the folders that it leaves empty."""
        target = self._path / name
        target.unlink(missing_ok=True)
        keep = {self._path / "refs" / kind for kind in ("heads", "tags")}
        for folder in target.parents:
            if folder in keep or folder == self._path / "refs" or any(folder.iterdir()):
                break
            folder.rmdir()

    def _packed(self) -> dict[str, str]:
        packed: Path = self._path / "packed-refs"
        if not packed.exists():
            return {}
        lines = (line.split(" ", 1) for line in packed.read_text().splitlines() if line[:1] not in "#^")
        return {name: sha for sha, name in lines}


def is_valid(name: str) -> bool:
    """True if git takes it as a full ref name (git-check-ref-format)."""
    return name.count("/") >= 2 and not _FORBIDDEN.search(name)

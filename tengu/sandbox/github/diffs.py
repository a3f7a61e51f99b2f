"""What changed between two trees, as GitHub lists it: per file, with line counts and patch."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from tengu.sandbox.github.objects import Entry, GitStore
from tengu.sandbox.github.trees import changed


@dataclass(frozen=True)
class FileDiff:
    """One changed file.

    Args:
        status: `added`, `removed` or `modified` (renames are listed as the two halves they are).
        sha: of the blob, the old one if the file was removed.
        patch: None for binary and empty files.
    """

    path: str
    status: str
    sha: str
    additions: int
    deletions: int
    patch: str | None


class Diffs:
    """Diffs of one repository; trees never change, so they are kept."""

    def __init__(self, store: GitStore) -> None:
        self._store = store
        self.between = lru_cache(maxsize=2048)(self._between)

    def _between(self, old: str, new: str) -> tuple[FileDiff, ...]:
        """Files that differ, by path."""
        changes = changed(self._store, old, new)
        if not changes:
            return ()
        patches = self._patches(old, new)
        return tuple(_file(path, was, now, patches.get(path)) for path, (was, now) in sorted(changes.items()))

    def _patches(self, old: str, new: str) -> dict[str, str]:
        """Hunks by path, of one `git diff-tree`."""
        arguments = ("-c", "core.quotePath=false", "diff-tree", "-p", "-r", "--no-renames", "--full-index", old, new)
        text = self._store.git(*arguments).decode("utf-8", "replace")
        found = {}
        for part in ("\n" + text).split("\ndiff --git a/")[1:]:
            head, mark, hunks = part.partition("\n@@ ")
            path = head.partition("\n")[0]
            found[path[: (len(path) - 3) // 2]] = "@@ " + hunks if mark else ""
        return found

    def totals(self, old: str, new: str) -> tuple[int, int, int]:
        """Additions, deletions and number of files."""
        files = self.between(old, new)
        return sum(file.additions for file in files), sum(file.deletions for file in files), len(files)


def _file(path: str, was: Entry | None, now: Entry | None, patch: str | None) -> FileDiff:
    status = "modified" if was and now else "added" if now else "removed"
    lines = (patch or "").split("\n")
    sha = (now or was or Entry("", "")).sha
    additions = sum(line.startswith("+") for line in lines)
    deletions = sum(line.startswith("-") for line in lines)
    return FileDiff(path, status, sha, additions, deletions, patch.rstrip("\n") if patch else None)

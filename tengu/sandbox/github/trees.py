"""Files of a tree: read, change, compare, merge."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tengu.sandbox.github.objects import GIT_TIMEOUT, Entry, GitStore, git_environment

EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
Change = tuple[Entry | None, Entry | None]
Files = Mapping[str, str | bytes | None]


class MergeConflict(Exception):
    """Both sides changed the same lines.

    Args:
        paths: the files in question.
    """

    def __init__(self, paths: list[str]) -> None:
        super().__init__(", ".join(paths))
        self.paths = paths


def find(store: GitStore, tree: str, path: str) -> Entry | None:
    """The file or folder at that path."""
    entry: Entry | None = Entry("40000", tree)
    for name in path.strip("/").split("/"):
        if entry is None or not entry.is_folder:
            return None
        entry = store.tree(entry.sha).get(name)
    return entry


def with_files(store: GitStore, tree: str, files: Files) -> str:
    """The tree with these files written; None removes one. A text that starts with `#!` becomes executable."""
    return update(store, tree, {path: _blob(store, content) for path, content in files.items()})


def _blob(store: GitStore, content: str | bytes | None) -> Entry | None:
    if content is None:
        return None
    raw = content.encode() if isinstance(content, str) else content
    return Entry("100755" if raw.startswith(b"#!") else "100644", store.write("blob", raw))


def update(store: GitStore, tree: str, changes: Mapping[str, Entry | None]) -> str:
    """The tree with these entries put or (None) removed; folders that are left empty go."""
    entries = {} if tree == EMPTY_TREE else dict(store.tree(tree))
    folders: dict[str, dict[str, Entry | None]] = {}
    for path, entry in changes.items():
        name, _, rest = path.partition("/")
        if rest:
            folders.setdefault(name, {})[rest] = entry
        elif entry is None:
            entries.pop(name, None)
        else:
            entries[name] = entry
    for name, inner in folders.items():
        old = entries.get(name)
        new = update(store, old.sha if old and old.is_folder else EMPTY_TREE, inner)
        if new == EMPTY_TREE:
            entries.pop(name, None)
        else:
            entries[name] = Entry("40000", new)
    return store.write_tree(entries)


def changed(store: GitStore, old: str, new: str, prefix: str = "") -> dict[str, Change]:
    """Files that differ between two trees, with what they were and are; only folders that differ are read."""
    if old == new:
        return {}
    before = {} if old == EMPTY_TREE else store.tree(old)
    after = {} if new == EMPTY_TREE else store.tree(new)
    found: dict[str, Change] = {}
    for name in sorted(before.keys() | after.keys()):
        was, now = before.get(name), after.get(name)
        if was == now:
            continue
        inner = [one.sha if one and one.is_folder else EMPTY_TREE for one in (was, now)]
        found.update(changed(store, inner[0], inner[1], f"{prefix}{name}/"))
        files = (None if was and was.is_folder else was, None if now and now.is_folder else now)
        if files != (None, None):
            found[prefix + name] = files
    return found


def merge(store: GitStore, base: str, ours: str, theirs: str) -> str:
    """The tree of a three-way merge. Raises `MergeConflict`."""
    mine, other = changed(store, base, ours), changed(store, base, theirs)
    taken: dict[str, Entry | None] = {}
    conflicts = []
    for path, (was, now) in other.items():
        if path not in mine or mine[path][1] == now:
            taken[path] = now
            continue
        merged = _merge_file(store, mine[path][1], was, now)
        if merged is None:
            conflicts.append(path)
        else:
            taken[path] = merged
    if conflicts:
        raise MergeConflict(conflicts)
    return update(store, ours, taken)


def _merge_file(store: GitStore, ours: Entry | None, base: Entry | None, theirs: Entry | None) -> Entry | None:
    """`git merge-file`; None where it reports a conflict."""
    if ours is None or theirs is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        names = []
        for name, entry in (("ours", ours), ("base", base), ("theirs", theirs)):
            file = Path(folder) / name
            file.write_bytes(store.read(entry.sha, "blob") if entry else b"")
            names.append(str(file))
        done = subprocess.run(
            ["git", "merge-file", "-p", "-q", *names],
            capture_output=True,
            timeout=GIT_TIMEOUT,
            check=False,
            env=git_environment(Path(folder)),
        )
    return Entry(ours.mode, store.write("blob", done.stdout)) if done.returncode == 0 else None

"""Walks over a repository's commits: ancestors, ranges, merge bases."""

from __future__ import annotations

import heapq
from functools import lru_cache

from tengu.sandbox.github.objects import CommitObject, GitStore


class History:
    """Questions about the commit graph. Commits never change, so answers are kept."""

    def __init__(self, store: GitStore) -> None:
        self._store = store
        self.ancestors = lru_cache(maxsize=64)(self._ancestors)
        self.merge_base = lru_cache(maxsize=1024)(self._merge_base)
        self.between = lru_cache(maxsize=256)(self._between)

    def _ancestors(self, sha: str) -> frozenset[str]:
        """The commit itself and everything it contains."""
        return frozenset(self._reach(sha, frozenset()))

    def _reach(self, sha: str, stop: frozenset[str]) -> set[str]:
        seen: set[str] = set()
        todo = [sha]
        while todo:
            one = todo.pop()
            if one not in seen and one not in stop:
                seen.add(one)
                todo.extend(self._store.commit(one).parents)
        return seen

    def contains(self, descendant: str, ancestor: str) -> bool:
        """True if `descendant` is, or contains, `ancestor`."""
        return ancestor == descendant or ancestor in self.ancestors(descendant)

    def _between(self, base: str, head: str) -> tuple[CommitObject, ...]:
        """Commits on head and not on base (`git log base..head`), parents before children, older ones first."""
        found = self._reach(head, self.ancestors(base))
        waiting = {sha: sum(parent in found for parent in self._store.commit(sha).parents) for sha in found}
        children: dict[str, list[str]] = {}
        for sha in found:
            for parent in self._store.commit(sha).parents:
                children.setdefault(parent, []).append(sha)
        ready = [(self._store.commit(sha).committer.at, sha) for sha, count in waiting.items() if count == 0]
        heapq.heapify(ready)
        ordered: list[CommitObject] = []
        while ready:
            sha = heapq.heappop(ready)[1]
            ordered.append(self._store.commit(sha))
            for child in children.get(sha, ()):
                waiting[child] -= 1
                if waiting[child] == 0:
                    heapq.heappush(ready, (self._store.commit(child).committer.at, child))
        return tuple(ordered)

    def log(self, head: str) -> tuple[CommitObject, ...]:
        """Everything a commit contains, newest first."""
        found = [self._store.commit(sha) for sha in self.ancestors(head)]
        order = {commit.sha: place for place, commit in enumerate(self._topological(head))}
        return tuple(sorted(found, key=lambda commit: order[commit.sha], reverse=True))

    def _topological(self, head: str) -> tuple[CommitObject, ...]:
        roots = [sha for sha in self.ancestors(head) if not self._store.commit(sha).parents]
        return (self._store.commit(roots[0]), *self.between(roots[0], head)) if roots else ()

    def _merge_base(self, left: str, right: str) -> str | None:
        """Their newest last common commit; None for unrelated histories."""
        common = self.ancestors(left) & self.ancestors(right)
        if not common:
            return None
        edge = {left} if left in common else set()
        for sha in self._reach(left, common):
            edge.update(parent for parent in self._store.commit(sha).parents if parent in common)
        best = [sha for sha in edge if not any(sha != other and self.contains(other, sha) for other in edge)]
        return max(best, key=lambda sha: (self._store.commit(sha).committer.at, sha))

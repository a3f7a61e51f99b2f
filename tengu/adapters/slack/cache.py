"""Answers kept for a while, shared by threads. Errors are never kept."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

Value = TypeVar("Value")
_MOST = 2_000


class Cache(Generic[Value]):
    """Values by key, each for `seconds`; bounded: when it is full it starts anew."""

    def __init__(self, seconds: float, monotonic: Callable[[], float]) -> None:
        self._seconds = seconds
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._values: dict[str, tuple[float, Value]] = {}

    def get(self, key: str, look: Callable[[], Value]) -> Value:
        """The kept value, or what `look` answers now."""
        with self._lock:
            kept = self._values.get(key)
        if kept is not None and self._monotonic() < kept[0] + self._seconds:
            return kept[1]
        return self._look(key, look)

    def fresh(self, key: str, look: Callable[[], Value]) -> Value:
        """What `look` answers now, unless the kept value was looked up within the last second."""
        with self._lock:
            kept = self._values.get(key)
        if kept is not None and self._monotonic() < kept[0] + 1:
            return kept[1]
        return self._look(key, look)

    def _look(self, key: str, look: Callable[[], Value]) -> Value:
        value = look()
        with self._lock:
            if len(self._values) >= _MOST:
                self._values.clear()
            self._values[key] = (self._monotonic(), value)
        return value

"""Long work in one call (a fetch, a build, a push) that a cancel or a lost lease ends."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tengu.errors import LeaseLost
from tengu.usecases.step import StepContext

_EVERY = 2.0
_TURN = 0.1


@contextmanager
def guarded(context: StepContext, every: float = _EVERY) -> Iterator[threading.Event]:
    """While the body works, guard the deployment every so many seconds from a thread of its own.

    Yields the event to hand to the work as its `stop`. Raises what guard raised (CancelRequested, LeaseLost) in place
    of the interrupted work's LeaseLost.
    """
    context.guard()
    watch = _Watch(context, every)
    watch.thread.start()
    try:
        yield watch.stop
    except LeaseLost:
        if watch.reason is not None:
            raise watch.reason from None
        raise
    finally:
        watch.ended.set()
        watch.thread.join()
    context.guard()


class _Watch:
    def __init__(self, context: StepContext, every: float) -> None:
        self._context = context
        self._every = every
        self.stop = threading.Event()
        self.ended = threading.Event()
        self.reason: Exception | None = None
        self.thread = threading.Thread(target=self._watch, name=f"guard-{context.deployment.number}", daemon=True)

    def _watch(self) -> None:
        turns = max(1, round(self._every / _TURN))
        turn = 0
        while not self.ended.wait(_TURN):
            turn += 1
            if self._context.stop.is_set() or (turn % turns == 0 and not self._may_go_on()):
                self.stop.set()
                return

    def _may_go_on(self) -> bool:
        try:
            self._context.guard()
        except Exception as reason:  # noqa: BLE001  # the end of a thread: `guarded` raises it again
            self.reason = reason
            return False
        return True

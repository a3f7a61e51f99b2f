"""One deployment that this process runs, for as long as its lease holds.

The database's clock decides who owns a deployment; whether *we* may still act is decided by our own monotonic
clock, counted from before the last renewal was sent: so we always stop before another process may begin, also
where the database cannot be reached.
"""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from types import TracebackType
from typing import Self

from tengu.domain.deployment import Deployment
from tengu.errors import CancelRequested, LeaseLost, ServiceError
from tengu.ports.store import Deployments, Lease


class HeldLease:
    """The lease and the deployment as it was last read; a context manager that keeps it renewed.

    Args:
        lease_for: how long one renewal lasts; renewed at a third of it.
    """

    def __init__(
        self, deployments: Deployments, deployment: Deployment, lease: Lease, lease_for: timedelta, claimed_at: float
    ) -> None:
        self.lease = lease
        self.stop = threading.Event()
        self.handing_over = False
        self._deployments = deployments
        self._deployment = deployment
        self._lease_for = lease_for
        self._seconds = lease_for.total_seconds()
        self._expires = claimed_at + self._seconds
        self._one_call = threading.RLock()  # answers must not overtake each other: the memo would go back in time
        self._left = threading.Event()
        self._threads = [
            threading.Thread(target=target, name=f"{name}-{deployment.number}", daemon=True)
            for name, target in (("renew", self._keep_renewed), ("expire", self._stop_when_expired))
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._left.set()
        for thread in self._threads:
            thread.join()

    @property
    def deployment(self) -> Deployment:
        """As it was last read."""
        return self._deployment

    def hand_over(self) -> None:
        """Stop at the next safe point, so that another process can go on."""
        self.handing_over = True
        self.stop.set()

    def guard(self) -> None:
        """Renew the lease.

        Raises:
            LeaseLost: it is lost or may be.
            CancelRequested: a person cancelled.
        """
        self.write(lambda lease: self._deployments.renew(lease, self._lease_for), renews=True)
        if self._deployment.cancel_requested_by is not None:
            raise CancelRequested

    def write(self, call: Callable[[Lease], Deployment], *, renews: bool = False) -> Deployment:
        """Make a fenced write; while the database is away, again and again until the lease runs out.

        Raises:
            LeaseLost: it is lost or may be.
        """
        while True:
            self._raise_if_over()
            try:
                return self._call(call, renews=renews)
            except LeaseLost:
                self.stop.set()
                raise
            except ServiceError as error:
                if not error.transient:
                    raise
            self.stop.wait(random.uniform(0.1, 0.5))  # noqa: S311  # jitter

    def _call(self, call: Callable[[Lease], Deployment], *, renews: bool) -> Deployment:
        with self._one_call:
            sent_at = time.monotonic()
            self._deployment = call(self.lease)
            if renews:
                self._expires = sent_at + self._seconds
            return self._deployment

    def _raise_if_over(self) -> None:
        if time.monotonic() >= self._expires:
            self.stop.set()
        if self.stop.is_set():
            why = "it is handed over" if self.handing_over else "it has run out"
            raise LeaseLost(f"the lease of {self.lease.owner} is over: {why}")

    def _keep_renewed(self) -> None:
        while not self._left.wait(self._seconds / 3) and not self.stop.is_set():
            with contextlib.suppress(LeaseLost, CancelRequested):  # whoever works learns of it at the next guard
                self.guard()

    def _stop_when_expired(self) -> None:
        while (remaining := self._expires - time.monotonic()) > 0:
            if self._left.wait(remaining):
                return
        self.stop.set()

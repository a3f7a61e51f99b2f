"""Tells a person at a terminal that something still happens."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import click

AFTER = 2.0  # seconds; shorter waits need no explanation


@contextmanager
def still_working(text: str) -> Iterator[None]:
    """Say `text` on standard error once it has taken two seconds; nothing where nobody watches."""
    timer = threading.Timer(AFTER, click.echo, (text,), {"err": True})
    timer.daemon = True
    if sys.stderr.isatty():
        timer.start()
    try:
        yield
    finally:
        timer.cancel()

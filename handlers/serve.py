"""Runs HTTP and workers in one process, until it is told to stop."""

from __future__ import annotations

import logging
import os
import signal
import threading
from types import FrameType

import uvicorn

from handlers.app import create_app
from tengu.bootstrap import Tengu
from tengu.errors import ServiceError

log = logging.getLogger(__name__)
DRAIN = 25  # seconds that requests and steps get to come to a safe point


def run_server(tengu: Tengu, host: str, port: int, *, work: bool) -> int:
    """Serve until SIGTERM or SIGINT.

    Args:
        work: False answers HTTP alone.

    Returns:
        The exit status.
    """
    tengu.sweep.start()
    if work:
        tengu.queue.start()
        threading.Thread(target=_look_once, args=(tengu,), name="first-look", daemon=True).start()
    config = uvicorn.Config(
        create_app(tengu),
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=5,
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        # Uvicorn raises the signal once more when it has stopped; by default that would end us before we tidied up.
        signal.signal(number, _stop_quietly)
    server = uvicorn.Server(config)
    server.run()
    ended = not work or tengu.queue.stop(DRAIN)
    tengu.sweep.stop()
    if not ended:
        log.warning("something still runs after %s s; it is taken up elsewhere when its lease has run out", DRAIN)
        os._exit(0)
    return 0 if server.started else 1


def _stop_quietly(_number: int, _frame: FrameType | None) -> None:
    """The signal has done its work."""


def _look_once(tengu: Tengu) -> None:
    """What was merged while nobody looked is found at once, not at the next full minute."""
    try:
        tengu.use_cases.reconcile.everything()
    except ServiceError as error:
        log.warning("the first look at the deployment branches failed: %s", error)

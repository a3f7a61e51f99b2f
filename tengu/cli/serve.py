"""`tengu serve` and `tengu worker`: the long-running processes."""

from __future__ import annotations

import logging
import sys

import click

from tengu.cli.options import config_file, config_option

_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_log_level = click.option(
    "--log-level", type=click.Choice(["debug", "info", "warning"]), default="info", show_default=True, help="How much."
)


@click.command()
@config_option
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=int, default=3000, show_default=True, help="Port to listen on.")
@click.option("--no-worker", is_flag=True, help="Answer HTTP alone; `tengu worker` processes do the work.")
@_log_level
def serve(host: str, port: int, no_worker: bool, log_level: str) -> None:
    """Run the HTTP endpoints and workers in one process.

    It starts while Slack, GitHub or AWS is down, and needs its database. Stop it with SIGTERM: a running deployment
    is handed to another process, or taken up at the next start.

    \b
    Examples:
      tengu serve
      tengu serve --host 0.0.0.0 --port 8080
      tengu serve --no-worker
    """
    from handlers.serve import run_server  # noqa: PLC0415 (heavy)
    from tengu.bootstrap import open_tengu  # noqa: PLC0415 (the same)

    _log_to_stderr(log_level)
    with open_tengu(config_file(), needs="serve") as tengu:
        sys.exit(run_server(tengu, host, port, work=not no_worker))


@click.command()
@config_option
@_log_level
def worker(log_level: str) -> None:
    """Run workers alone, as many processes as wanted.

    They share one database, and every deployment runs in one of them.

    \b
    Example:
      tengu worker
    """
    from tengu.bootstrap import open_tengu  # noqa: PLC0415 (heavy)

    _log_to_stderr(log_level)
    with open_tengu(config_file(), needs="work") as tengu:
        sys.exit(tengu.work_until_stopped())


def _log_to_stderr(level: str) -> None:
    logging.basicConfig(level=level.upper(), format=_FORMAT, stream=sys.stderr)
    for noisy in ("botocore", "urllib3", "github", "slack_sdk", "slack_bolt", "httpx", "procrastinate", "psycopg.pool"):
        logging.getLogger(noisy).setLevel(logging.WARNING)

"""`tengu version`."""

from __future__ import annotations

import json
import platform

import click

import tengu
from tengu.cli.options import config_option, json_option


@click.command()
@config_option
@json_option
def version(as_json: bool) -> None:
    """Print the version."""
    found = {"tengu": tengu.__version__, "python": platform.python_version()}
    click.echo(json.dumps(found) if as_json else f"tengu {found['tengu']}, Python {found['python']}")

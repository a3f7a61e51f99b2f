"""Options that many commands take."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from tengu.config.environment import config_path

F = TypeVar("F", bound=Callable[..., Any] | click.Command)

_META = "tengu.config"


def config_option(command: F) -> F:
    """`--config PATH`; the command asks `config_file()` for the outcome. May also stand before the command."""
    return click.option(
        "--config",
        type=click.Path(path_type=Path),
        expose_value=False,
        callback=_remember,
        help="Configuration file.  [default: $TENGU_CONFIG, then ./tengu.yml]",
    )(command)


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def config_file() -> Path:
    """The configuration file that this call of tengu uses: --config, then TENGU_CONFIG, then ./tengu.yml."""
    found = click.get_current_context().meta.get(_META)
    return found if isinstance(found, Path) else config_path()


def _remember(ctx: click.Context, _parameter: click.Parameter, value: Path | None) -> None:
    if value is not None:
        ctx.meta[_META] = value

"""`tengu config`: check tengu.yml, print its JSON Schema."""

from __future__ import annotations

import json

import click

from tengu.cli.options import config_file, config_option
from tengu.config.errors import ConfigurationError
from tengu.config.load import read_settings
from tengu.config.model import Settings
from tengu.config.schema import json_schema


@click.group()
@config_option
def config() -> None:
    """Check tengu.yml, or print its JSON Schema."""


@config.command()
@config_option
def check() -> None:
    """Say whether Tengu can start with this tengu.yml, and if not, everything that is wrong with it.

    Reads nothing but the file: no credential, no network.

    \b
    Examples:
      tengu config check
      tengu config check --config staging.yml
    """
    file = config_file()
    loaded = read_settings(file)
    if loaded.later:
        click.echo(f"{file} is valid, but wants what is not there yet, so Tengu will not start with it:", err=True)
        raise ConfigurationError(loaded.later)
    click.echo(f"ok: {_counts(loaded.settings)} in {file}")


@config.command()
@config_option
def schema() -> None:
    """Print the JSON Schema (draft 2020-12) of tengu.yml, for editors.

    \b
    Example, with VS Code's or any other YAML language server:
      tengu config schema > tengu.schema.json
      # first line of tengu.yml:  # yaml-language-server: $schema=tengu.schema.json
    """
    click.echo(json.dumps(json_schema(), indent=2, ensure_ascii=False))


def _counts(settings: Settings) -> str:
    environments = sum(len(app.environments) for app in settings.apps.values())
    return f"{_count(len(settings.apps), 'app')}, {_count(environments, 'environment')}"


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"

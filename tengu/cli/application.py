"""The top level of the command line: commands are imported when they run, not when they are listed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module

import click

import tengu
from tengu.cli.options import config_option

_HELP = """Deploy to AWS ECS from chat, from GitHub, or from here.

\b
Examples:
  tengu sandbox --script demo     see it work, without any account
  tengu config check
  tengu serve
  tengu deploy production
  tengu COMMAND --help

Exit status: 0 done, 1 refused or failed (the reason is on stderr), 2 wrong usage or configuration.
"""


@dataclass(frozen=True)
class Entry:
    """One command as the help lists it.

    Args:
        target: `module:attribute` of the click command.
        section: heading it stands under.
        summary: first line of the command's own help.
    """

    name: str
    target: str
    section: str
    summary: str


class Application(click.Group):
    """The commands of a table, each imported when it is asked for."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        settings = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
        super().__init__(name="tengu", help=_HELP, context_settings=settings, no_args_is_help=True)
        self._entries = {entry.name: entry for entry in entries}
        click.version_option(tengu.__version__, prog_name="tengu")(self)
        config_option(self)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the table's order."""
        return list(self._entries)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import that command; None if there is none of that name."""
        entry = self._entries.get(cmd_name)
        if entry is None:
            return None
        module, _, attribute = entry.target.partition(":")
        command = getattr(import_module(module), attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{entry.target} is no click command")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; an unknown one is refused with the nearest names."""
        try:
            return super().resolve_command(ctx, args)
        except click.exceptions.NoSuchCommand as error:  # click looks for near names among imported commands alone
            raise click.exceptions.NoSuchCommand(error.command_name, possibilities=self._entries, ctx=ctx) from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands from the table, section by section."""
        sections = dict.fromkeys(entry.section for entry in self._entries.values())
        for section in sections:
            with formatter.section(section):
                formatter.write_dl([(e.name, e.summary) for e in self._entries.values() if e.section == section])

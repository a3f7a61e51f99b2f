"""The command line: `tengu COMMAND`.

One file for each group of commands. To add a command:

1. write it in `tengu/cli/<group>.py` as a click command; its docstring's first line is its line in `tengu --help`,
   and `\\b` blocks keep examples as they are;
2. add it to COMMANDS below: the name, where it is, the section of the help, and that first line once more (a test
   compares them), so that `tengu --help` imports nothing but this file;
3. import heavy things (`tengu.bootstrap`, pydantic) inside the function or in that file, never here.

A command takes `@config_option` and, where it prints data, `@json_option` from `tengu.cli.options`. It raises
`TenguError`s and returns nothing; `main` turns them into messages and exit statuses: 0 done, 1 refused or failed,
2 wrong usage or configuration, 130 interrupted.
"""

from __future__ import annotations

from tengu.cli.application import Application, Entry
from tengu.cli.boundary import run

COMMANDS = (
    Entry("config", "tengu.cli.config:config", "Configuration", "Check tengu.yml, or print its JSON Schema."),
    Entry("version", "tengu.cli.version:version", "Configuration", "Print the version."),
)


def main() -> None:
    """Run the command line of this process and exit with its status."""
    run(Application(COMMANDS))

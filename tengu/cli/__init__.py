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
    Entry("deploy", "tengu.cli.chat_commands:deploy", "Deploying", "Open or refresh the deployment pull request."),
    Entry("diff", "tengu.cli.chat_commands:diff", "Deploying", "What deploy would bring, without opening anything."),
    Entry(
        "status",
        "tengu.cli.chat_commands:status",
        "Deploying",
        "What runs, who is still to verify, what waits or is held, locks.",
    ),
    Entry(
        "history",
        "tengu.cli.chat_commands:history",
        "Deploying",
        "The last deployments with outcome, person and duration.",
    ),
    Entry(
        "rollback",
        "tengu.cli.chat_commands:rollback",
        "Deploying",
        "Back to the last good deployment before this one, or to number N; locks the environment.",
    ),
    Entry("retry", "tengu.cli.chat_commands:retry", "Deploying", "Deploy the last failed one's commit again."),
    Entry("cancel", "tengu.cli.chat_commands:cancel", "Deploying", "Stop the running deployment."),
    Entry("resume", "tengu.cli.chat_commands:resume", "Deploying", "Start the held deployment."),
    Entry(
        "verify",
        "tengu.cli.chat_commands:verify",
        "Deploying",
        "Tick the boxes of these pull requests as yourself.",
    ),
    Entry("unverify", "tengu.cli.chat_commands:unverify", "Deploying", "Untick the boxes of these pull requests."),
    Entry("remind", "tengu.cli.chat_commands:remind", "Deploying", "Ping those who have not verified, now."),
    Entry("lock", "tengu.cli.chat_commands:lock", "Deploying", "Nobody deploys there, until unlock or for a while."),
    Entry(
        "unlock",
        "tengu.cli.chat_commands:unlock",
        "Deploying",
        "Deployments may start again; --force also gives up the lane of an unknown deployment.",
    ),
    Entry("serve", "tengu.cli.serve:serve", "Running", "Run the HTTP endpoints and workers in one process."),
    Entry("worker", "tengu.cli.serve:worker", "Running", "Run workers alone, as many processes as wanted."),
    Entry("sandbox", "tengu.cli.sandbox:sandbox", "Running", "Play the whole job on this machine; no account needed."),
    Entry("config", "tengu.cli.config:config", "Configuration", "Check tengu.yml, or print its JSON Schema."),
    Entry("version", "tengu.cli.version:version", "Configuration", "Print the version."),
)


def main() -> None:
    """Run the command line of this process and exit with its status."""
    run(Application(COMMANDS))

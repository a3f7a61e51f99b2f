"""The chat's commands on the command line: same words, same rules, same record.

Whoever holds configuration and database may do all of them; they are recorded as `cli:USER`.
"""

from __future__ import annotations

import getpass
import json
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from typing import Any

import click

from tengu.cli.options import config_file, config_option
from tengu.cli.plain import plain
from tengu.cli.progress import still_working
from tengu.domain import command as commands
from tengu.domain.answer import Answer
from tengu.domain.command import COMMANDS, ParsedCommand
from tengu.domain.duration import parse_duration
from tengu.domain.people import Actor
from tengu.errors import Refused

Make = Callable[[dict[str, Any]], ParsedCommand]


class DurationType(click.ParamType[timedelta]):
    """`90s`, `30m`, `2h`, `1d`."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Read it."""
        try:
            return parse_duration(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class NumberType(click.ParamType[int]):
    """`12` or `#12`."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read it."""
        text = str(value).removeprefix("#")
        if not text.isdecimal():
            self.fail(f"{value!r} is not a number", param, ctx)
        return int(text)


def _command(
    name: str, make: Make, *parameters: click.Parameter, examples: Sequence[str], about: str = ""
) -> click.Command:
    spec = COMMANDS[name]
    summary = spec.help[0].upper() + spec.help[1:] + "."
    shown = "\n".join(f"  tengu {example}" for example in examples)
    yes = click.Option(["--yes"], is_flag=True, help="Answer every question with yes.")
    as_json = click.Option(["--json", "as_json"], is_flag=True, help="Print JSON.")

    def callback(yes: bool, as_json: bool, **values: Any) -> None:
        login = values.pop("login", None)
        execute(make(values), yes=yes, as_json=as_json, login=login)

    return config_option(
        click.Command(
            name,
            params=[*parameters, yes, as_json],
            callback=callback,
            help=f"{summary}\n\n{about}\n\n\b\nExamples:\n{shown}",
            short_help=summary,
        )
    )


def _place(*, required: bool = True) -> tuple[click.Parameter, ...]:
    return (
        click.Argument(["environment"], required=required),
        click.Argument(["app"], required=False),
        click.Option(["--app", "app_option"], help="The app, where several have this environment."),
    )


def _target(values: dict[str, Any]) -> tuple[str, ...]:
    return tuple(word for word in (values.get("environment"), values.get("app") or values.get("app_option")) if word)


def _deploy(values: dict[str, Any]) -> ParsedCommand:
    if values["now"]:
        raise Refused(
            "not_built_yet", "`deploy --now` is not there yet.", "For now: merge the deployment pull request on GitHub."
        )
    return commands.Diff(_target(values)) if values["dry_run"] else commands.Deploy(_target(values))


_NUMBERS = click.Argument(["numbers"], type=NumberType(), nargs=-1, required=True)
_AS = click.Option(["--as", "login"], metavar="LOGIN", help="Whose tick it is, as a GitHub login.")

deploy = _command(
    "deploy",
    _deploy,
    *_place(),
    click.Option(["--dry-run"], is_flag=True, help="Say what it would bring, open nothing."),
    click.Option(["--now"], is_flag=True, help="Deploy from this machine, without a pull request (not there yet)."),
    examples=["deploy production", "deploy production web --dry-run --json"],
    about="On an environment with `deploy_on: push` it deploys the branch's head, after a question.",
)
diff = _command("diff", lambda values: commands.Diff(_target(values)), *_place(), examples=["diff production --json"])
status = _command(
    "status",
    lambda values: commands.Status(_target(values)),
    *_place(required=False),
    examples=["status", "status production --json"],
)
history = _command(
    "history",
    lambda values: commands.History(_target(values)),
    *_place(),
    examples=["history production", "history production --json"],
)
rollback = _command(
    "rollback",
    lambda values: commands.Rollback(_target(values), values["to"]),
    *_place(),
    click.Option(["--to"], type=NumberType(), help="Number of the deployment to go back to."),
    examples=["rollback production", "rollback production --to 41"],
    about="The workers of a running `tengu serve` or `tengu worker` carry it out.",
)
retry = _command("retry", lambda values: commands.Retry(_target(values)), *_place(), examples=["retry production"])
cancel = _command("cancel", lambda values: commands.Cancel(_target(values)), *_place(), examples=["cancel production"])
resume = _command("resume", lambda values: commands.Resume(_target(values)), *_place(), examples=["resume production"])
remind = _command("remind", lambda values: commands.Remind(_target(values)), *_place(), examples=["remind production"])
verify = _command(
    "verify",
    lambda values: commands.Verify(values["numbers"]),
    _NUMBERS,
    _AS,
    examples=["verify 12 15", "verify '#12' --as alice"],
)
unverify = _command(
    "unverify", lambda values: commands.Unverify(values["numbers"]), _NUMBERS, _AS, examples=["unverify 12"]
)
lock = _command(
    "lock",
    lambda values: commands.Lock(_target(values), values["duration"], values["why"] or ""),
    *_place(),
    click.Option(["--for", "duration"], type=DurationType(), help="How long, like 2h; without it until unlock."),
    click.Option(["--why"], help="What people are told."),
    examples=["lock production --for 2h --why 'moving the database'"],
)
unlock = _command(
    "unlock",
    lambda values: commands.Unlock(_target(values), values["force"]),
    *_place(),
    click.Option(["--force"], is_flag=True, help="Also give up the lane of a deployment whose outcome is unknown."),
    examples=["unlock production", "unlock production --force"],
)


def execute(command: ParsedCommand, *, yes: bool, as_json: bool, login: str | None = None) -> None:
    """Run one command in this process and print its answer.

    Raises:
        ConfigurationError, Refused, ServiceError: turned into messages and exit statuses by the boundary.
    """
    from tengu.bootstrap import open_tengu  # noqa: PLC0415 (heavy: imported when a command really runs)
    from tengu.usecases.run_command import Asked  # noqa: PLC0415 (the same)

    asked = Asked(
        command, Actor("cli", getpass.getuser()), confirmed=yes, tick_as=Actor("github", login) if login else None
    )
    with ExitStack() as stack:
        with still_working("Opening the database ..."):
            tengu = stack.enter_context(open_tengu(config_file(), plain_names=True))
        with still_working(f"{command.name}: asking GitHub and Slack ..."):
            answer = tengu.use_cases.run_command(asked)
        if answer.question and not yes:
            click.confirm(plain(answer.question), abort=True, err=True)
            with still_working(f"{command.name}: asking GitHub and Slack ..."):
                answer = tengu.use_cases.run_command(replace(asked, confirmed=True))
    _print(answer, as_json=as_json)


def _print(answer: Answer, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(answer.data if answer.data is not None else {"answer": plain(answer.text)}, indent=2))
    else:
        click.echo(plain(answer.text))

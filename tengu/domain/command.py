"""The commands of Slack's three ways in: one table drives parser, help and documentation.

`parse(text)` turns what a person typed into one of the frozen commands below, or into a `Reply` (help), or raises
`Refused` that says what to type instead. Which app and environment the words mean is `resolve`'s business.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import timedelta
from difflib import get_close_matches
from typing import Literal

from tengu.domain.command_values import (
    Cancel,
    Deploy,
    Diff,
    History,
    Hotfix,
    Link,
    Lock,
    Log,
    Merge,
    ParsedCommand,
    Remind,
    Resume,
    Retry,
    Rollback,
    Snooze,
    Status,
    Unlock,
    Unverify,
    Verify,
)
from tengu.domain.command_words import Words
from tengu.domain.slack_text import behind_mention, spoken, strip_mention
from tengu.domain.target import resolve, resolve_all
from tengu.errors import Refused

__all__ = [
    "COMMANDS",
    "Cancel",
    "CommandSpec",
    "Deploy",
    "Diff",
    "History",
    "Hotfix",
    "Link",
    "Lock",
    "Log",
    "Merge",
    "Needs",
    "ParsedCommand",
    "Remind",
    "Reply",
    "Resume",
    "Retry",
    "Rollback",
    "Snooze",
    "Status",
    "Unlock",
    "Unverify",
    "Verify",
    "help_text",
    "parse",
    "resolve",
    "resolve_all",
]


@dataclass(frozen=True)
class Reply:
    """An answer that needs nothing but the text: help. `text` is mrkdwn."""

    text: str


Needs = Literal["member", "deployer"]


@dataclass(frozen=True)
class CommandSpec:
    """One line of the table.

    Args:
        arguments: as the help shows them.
        help: one line, a sentence without its full stop.
        example: a command as somebody would type it.
        needs: who may, as far as the name alone says: any member of the app's channel, or a deployer.
        read: makes the command out of the words behind its name.
    """

    name: str
    arguments: str
    help: str
    example: str
    needs: Needs
    read: Callable[[Words], ParsedCommand]

    @property
    def usage(self) -> str:
        """`deploy ENV [app]`"""
        return f"{self.name} {self.arguments}".strip()


def _merge(words: Words) -> Merge:
    anyway, why = words.text_after("anyway")
    if anyway and not why:
        raise words.wrong("Say why the open boxes do not matter; it is recorded.")
    return Merge(words.target(), anyway, why)


def _lock(words: Words) -> Lock:
    target = words.leading_target()
    duration, why = words.duration_and_text()
    return Lock(target, duration, why)


_TABLE = (
    CommandSpec("deploy", "ENV [app]", "open or refresh the deployment pull request", "deploy production", "member",
                lambda words: Deploy(words.target())),
    CommandSpec("diff", "ENV [app]", "what deploy would bring, without opening anything", "diff production", "member",
                lambda words: Diff(words.target())),
    CommandSpec("status", "[ENV] [app]", "what runs, who is still to verify, what waits or is held, locks", "status",
                "member", lambda words: Status(words.target())),
    CommandSpec("history", "ENV [app]", "the last deployments with outcome, person and duration",
                "history production", "member", lambda words: History(words.target())),
    CommandSpec("log", "[N]", "a personal link to the steps and live log of deployment N", "log 41", "member",
                lambda words: Log(words.optional_number())),
    CommandSpec("rollback", "ENV [app] [to N]",
                "back to the last good deployment before this one, or to number N; locks the environment",
                "rollback production to 41", "deployer",
                lambda words: Rollback(to=words.number_after("to"), target=words.target())),
    CommandSpec("retry", "ENV [app]", "deploy the last failed one's commit again", "retry production", "deployer",
                lambda words: Retry(words.target())),
    CommandSpec("cancel", "ENV [app]", "stop the running deployment", "cancel production", "deployer",
                lambda words: Cancel(words.target())),
    CommandSpec("resume", "ENV [app]", "start the held deployment", "resume production", "deployer",
                lambda words: Resume(words.target())),
    CommandSpec("merge", "ENV [app] [anyway: why]",
                "merge the deployment pull request; anyway overrides open boxes, and is recorded",
                "merge production anyway: the site is down", "deployer", _merge),
    CommandSpec("hotfix", "#PR… to ENV [app]", "a deployment pull request with only these merged pull requests",
                "hotfix #12 #15 to production", "member",
                lambda words: Hotfix(words.numbers(until="to"), words.target())),
    CommandSpec("verify", "#PR…", "tick the boxes of these pull requests as yourself", "verify #12 #15", "member",
                lambda words: Verify(words.numbers())),
    CommandSpec("unverify", "#PR…", "untick the boxes of these pull requests", "unverify #12", "member",
                lambda words: Unverify(words.numbers())),
    CommandSpec("remind", "ENV [app]", "ping those who have not verified, now", "remind production", "member",
                lambda words: Remind(words.target())),
    CommandSpec("snooze", "[2h]", "leave me alone for a while", "snooze 2h", "member",
                lambda words: Snooze(words.duration() or timedelta(hours=2))),
    CommandSpec("lock", "ENV [app] [for 2h] [why]", "nobody deploys there, until unlock or for a while",
                "lock production for 2h moving the database", "deployer", _lock),
    CommandSpec("unlock", "ENV [app] [--force]",
                "deployments may start again; --force also gives up the lane of an unknown deployment",
                "unlock production", "deployer",
                lambda words: Unlock(force=words.flag("--force"), target=words.target())),
    CommandSpec("link", "GITHUB-LOGIN", "say which GitHub account you are", "link octocat", "member",
                lambda words: Link(words.login())),
)  # fmt: skip
COMMANDS = {spec.name: spec for spec in _TABLE}
_NAMES = (*COMMANDS, "help")


def parse(text: str, names: Collection[str] = ()) -> ParsedCommand | Reply:
    """Read one message.

    Args:
        text: as Slack delivers it: with a leading mention or not, with Slack's markup.
        names: every app and environment name; needed to tell where `lock ENV [app] [why]` ends and why begins.

    Raises:
        Refused: `unknown_command`, `usage` or `only_quoted`; `next_step` says what to type.
    """
    plain = spoken(text)
    if not plain and strip_mention(text).strip():
        raise Refused("only_quoted", "I do not read quoted lines and code.", "Write it plainly: `deploy production`.")
    words = Words(plain, frozenset(names))
    name = words.next_word()
    if not name:
        return Reply(help_text())
    if name == "help":
        return _help(words.next_word())
    spec = COMMANDS.get(name)
    if spec is None:
        behind = behind_mention(text)  # "hey @tengu deploy production"
        if behind:
            return parse(behind, names)
        raise _unknown(name, words.rest())
    words.usage = f"Type `{spec.usage}`, for example `{spec.example}`."
    command = spec.read(words)
    words.done()
    return command


def help_text() -> str:
    """Every command with its one-line help, in mrkdwn."""
    lines = [f"`{spec.usage}` {spec.help}" for spec in _TABLE]
    return "\n".join(["*What I understand* (mention me, use the slash command, or write to me directly):", *lines,
                      "`help [command]` this, or one command with an example"])  # fmt: skip


def _help(name: str) -> Reply:
    if not name or name == "help":
        return Reply(help_text())
    spec = COMMANDS.get(name)
    if spec is None:
        raise _unknown(name, "", prefix="help ")
    who = "the environment's deployers" if spec.needs == "deployer" else "members of the app's channel"
    return Reply(f"`{spec.usage}` {spec.help}.\nFor example: `{spec.example}`. Who may: {who}.")


def _unknown(name: str, rest: str, prefix: str = "") -> Refused:
    """Says which word is not known; suggests the nearest one with the same arguments, where they are harmless."""
    guess = get_close_matches(name, _NAMES, n=1)
    arguments = " ".join(rest.replace("`", "").split()) if len(rest) <= 80 else ""
    hint = f"Did you mean `{prefix}{f'{guess[0]} {arguments}'.strip()}`?" if guess else "Type `help` for what I know."
    return Refused("unknown_command", f"I do not know {name.replace('`', '')!r}.", hint)

"""The grammar of the commands, as a table and as properties."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tengu.domain.command import (
    COMMANDS,
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
    Reply,
    Resume,
    Retry,
    Rollback,
    Snooze,
    Status,
    Unlock,
    Unverify,
    Verify,
    parse,
    resolve,
    resolve_all,
)
from tengu.errors import Refused

APPS = {"web": ("production", "dev"), "api": ("production", "staging")}
NAMES = {"web", "api", "production", "dev", "staging"}


def wide(text: str) -> str:
    """Full-width, as a Japanese keyboard types it."""
    return "".join(chr(ord(character) + 0xFEE0) for character in text)


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("deploy production", Deploy(("production",))),
        ("deploy production web", Deploy(("production", "web"))),
        ("<@U0TENGU> deploy production", Deploy(("production",))),
        ("<@U0TENGU|tengu>: Deploy PRODUCTION!", Deploy(("production",))),
        ("please deploy", None),
        ("hey <@U0TENGU>, deploy production", Deploy(("production",))),
        ("<@U0BOB> <@U0TENGU> deploy production", Deploy(("production",))),
        ("deploy production :rocket: 🚀 !", Deploy(("production",))),
        ("verify #12 :white_check_mark:", Verify((12,))),
        ("<@U0TENGU> status", Status(())),
        ("deploy web to production", Deploy(("web", "production"))),
        ("deploy\u00a0production", Deploy(("production",))),
        (f"deploy\u3000{wide('production')}", Deploy(("production",))),
        ("*deploy* _production_", Deploy(("production",))),
        ("deploy", Deploy(())),
        ("deploy <http://production.example|production>", Deploy(("production",))),
        ("diff dev", Diff(("dev",))),
        ("status", Status(())),
        ("status web", Status(("web",))),
        ("history production", History(("production",))),
        ("log", Log(None)),
        ("log #41", Log(41)),
        ("rollback production", Rollback(("production",))),
        ("rollback production web to #41", Rollback(("production", "web"), 41)),
        ("rollback production to 41", Rollback(("production",), 41)),
        ("retry production", Retry(("production",))),
        ("cancel production", Cancel(("production",))),
        ("resume production", Resume(("production",))),
        ("merge production", Merge(("production",))),
        (
            "merge production anyway: site is down & Bob said so",
            Merge(("production",), anyway=True, why="site is down & Bob said so"),
        ),
        ("merge production web anyway because", Merge(("production", "web"), anyway=True, why="because")),
        ("merge production anyway:now", Merge(("production",), anyway=True, why="now")),
        ("hotfix #12 #15 to production", Hotfix((12, 15), ("production",))),
        ("hotfix 12, 15 and 16 to production web", Hotfix((12, 15, 16), ("production", "web"))),
        ("verify #12 13 #12", Verify((12, 13))),
        (f"verify {wide('#12')}", Verify((12,))),
        ("verify <https://github.com/acme/web/pull/12|acme/web#12>", None),
        ("verify <https://github.com/acme/web/pull/12>", Verify((12,))),
        ("unverify #12,#13", Unverify((12, 13))),
        ("remind production", Remind(("production",))),
        ("snooze", Snooze(timedelta(hours=2))),
        ("snooze for 30m", Snooze(timedelta(minutes=30))),
        ("lock production", Lock(("production",))),
        ("lock production for 2h", Lock(("production",), timedelta(hours=2))),
        (
            "lock production for 2h moving the “big” database",
            Lock(("production",), timedelta(hours=2), 'moving the "big" database'),
        ),
        ("lock production moving the DB for 2h", Lock(("production",), timedelta(hours=2), "moving the DB")),
        ("lock production waiting for Bob", Lock(("production",), None, "waiting for Bob")),
        (
            "lock web production for 1d because of the fair",
            Lock(("web", "production"), timedelta(days=1), "because of the fair"),
        ),
        ("lock production web is slow", Lock(("production", "web"), None, "is slow")),
        ("lock production &lt;b&gt; <!here> <@U1|ann>", Lock(("production",), None, "<b> @here @ann")),
        ("unlock production", Unlock(("production",))),
        ("unlock production --force", Unlock(("production",), force=True)),
        ("unlock production —force", Unlock(("production",), force=True)),
        ("link octo-Cat", Link("octo-Cat")),
        ("link @octocat", Link("octocat")),
        ("&gt; lock production\ndeploy dev", Deploy(("dev",))),
        ("deploy dev ```lock production```", Deploy(("dev",))),
        ("deploy dev `web`", Deploy(("dev",))),
    ],
)
def test_every_command_is_read(text: str, command: ParsedCommand | None) -> None:
    if command is None:
        with pytest.raises(Refused):
            parse(text, NAMES)
    else:
        assert parse(text, NAMES) == command


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("depoly production", "unknown_command", "Did you mean `deploy production`?"),
        ("frobnicate", "unknown_command", "Type `help`"),
        ("thanks <@U0TENGU>", "unknown_command", "I do not know 'thanks'."),
        ("help depoly", "unknown_command", "Did you mean `help deploy`?"),
        ("deploy a b c", "usage", "one word too many"),
        ("verify", "usage", "Which pull requests?"),
        ("verify #x", "usage", "'#x' is not a number"),
        ("verify #0", "usage", "not a number"),
        ("verify #99999999999999", "usage", "not a number"),
        ("rollback production to", "usage", "Which number"),
        ("rollback production to x", "usage", "not a number"),
        ("snooze a while", "usage", "not a duration"),
        ("snooze 2h 3h", "usage", "what '3h' means"),
        ("merge production anyway", "usage", "Say why"),
        ("link", "usage", "Which GitHub account?"),
        ("link a b", "usage", "what 'b' means"),
        ("link -bad-", "usage", "not a GitHub login"),
        ("log x", "usage", "not a number"),
        ("`deploy production`", "only_quoted", "Write it plainly"),
        ("&gt; deploy production", "only_quoted", "quoted"),
    ],
)
def test_what_is_not_understood_says_what_to_type(text: str, code: str, said: str) -> None:
    with pytest.raises(Refused) as refusal:
        parse(text)
    assert refusal.value.code == code
    assert said in str(refusal.value)
    assert "`" in refusal.value.next_step


def test_help_lists_every_command_and_explains_one() -> None:
    for text in ("", "<@U0TENGU>", "help", "HELP"):
        reply = parse(text)
        assert isinstance(reply, Reply)
        assert all(spec.usage in reply.text for spec in COMMANDS.values())
    reply = parse("help rollback")
    assert isinstance(reply, Reply)
    assert reply.text == (
        "`rollback ENV [app] [to N]` back to the last good deployment before this one, or to number N; "
        "locks the environment.\nFor example: `rollback production to 41`. Who may: the environment's deployers."
    )


def test_every_example_is_a_command_of_its_own_name() -> None:
    for spec in COMMANDS.values():
        command = parse(spec.example)
        assert not isinstance(command, Reply)
        assert command.name == spec.name


@pytest.mark.parametrize(
    ("words", "here", "place"),
    [
        (("production", "web"), (), ("web", "production")),
        (("web", "production"), (), ("web", "production")),
        (("production",), ("web",), ("web", "production")),
        (("staging",), (), ("api", "staging")),
        (("production", "api"), ("web",), ("api", "production")),
    ],
)
def test_words_resolve_to_one_place(words: tuple[str, ...], here: tuple[str, ...], place: tuple[str, str]) -> None:
    assert resolve(words, APPS, here) == place


@pytest.mark.parametrize(
    ("words", "here", "code", "said"),
    [
        ((), (), "environment_missing", "Which environment? web has production, dev. api has production, staging."),
        ((), ("web",), "environment_missing", "web has production, dev. Type `deploy production web`."),
        (("production",), (), "app_missing", "production of web, production of api. Type `deploy production web`"),
        (("web",), (), "environment_missing", "web is an app. web has production, dev."),
        (("prodution",), ("web",), "unknown_environment", "web has no environment prodution. web has production, dev."),
        (("prodution",), ("web",), "unknown_environment", "Did you mean `deploy production web`?"),
        (("staging",), ("web",), "unknown_environment", "Did you mean `deploy staging api`?"),
        (("dev", "api"), (), "unknown_environment", "api has no environment dev."),
        (("production", "wbe"), (), "unknown_app", "Did you mean `deploy production web`?"),
        (("production", "zzz"), (), "unknown_app", "There is no app zzz. The apps are: web, api."),
        (("x", "y"), (), "unknown_environment", "There is no environment x."),
        (("web", "web"), (), "unknown_environment", "web has no environment web."),
    ],
)
def test_what_does_not_resolve_lists_what_there_is(
    words: tuple[str, ...], here: tuple[str, ...], code: str, said: str
) -> None:
    with pytest.raises(Refused) as refusal:
        resolve(words, APPS, here)
    assert refusal.value.code == code
    assert said in str(refusal.value)


def test_status_takes_everything_that_matches() -> None:
    assert resolve_all((), APPS, ("web",)) == (("web", "production"), ("web", "dev"))
    assert resolve_all((), APPS) == (("web", "production"), ("web", "dev"), ("api", "production"), ("api", "staging"))
    assert resolve_all(("production",), APPS) == (("web", "production"), ("api", "production"))
    assert resolve_all(("api",), APPS, ("web",)) == (("api", "production"), ("api", "staging"))


_PIECES = st.sampled_from(
    [*COMMANDS, "help", "production", "web", "#12", "to", "for", "2h", "anyway", "anyway:", "--force", "—force",
     "<@U1>", "<https://x/pull/3|y>", "`", "```", "&gt;", "\n", ":rocket:", "“", "<", "|", "*", "0", wide("9") * 400]
)  # fmt: skip
_TEXTS = st.one_of(st.text(), st.lists(st.one_of(_PIECES, st.text(max_size=5)), max_size=12).map(" ".join))


def _attempt(text: str, here: set[str]) -> Refused | None:
    try:
        command = parse(text, NAMES)
        if not isinstance(command, Reply) and hasattr(command, "target"):
            app, environment = resolve(command.target, APPS, here)
            assert environment in APPS[app]
    except Refused as refusal:
        return refusal
    return None


@given(text=_TEXTS, here=st.sets(st.sampled_from(["web", "api", "gone"])))
def test_whatever_is_typed_is_a_command_a_reply_or_refused(text: str, here: set[str]) -> None:
    refusal = _attempt(text, here)
    assert refusal is None or (refusal.fact and refusal.next_step and len(str(refusal)) < 1000)


_SHORT = st.text(max_size=4)


@given(
    words=st.lists(_SHORT, max_size=2).map(tuple),
    apps=st.dictionaries(_SHORT, st.lists(_SHORT, max_size=3), max_size=3),
)
def test_any_words_and_any_apps_resolve_or_are_refused(words: tuple[str, ...], apps: dict[str, list[str]]) -> None:
    try:
        app, environment = resolve(words, apps)
    except Refused:
        return
    assert environment in apps[app]

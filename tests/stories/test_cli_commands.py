"""The same commands on the command line: same words, same record, JSON as the interface promises."""

from __future__ import annotations

import getpass
import json
from typing import Any

import pytest

from tengu.cli import COMMANDS
from tengu.cli.application import Application
from tengu.cli.boundary import run
from tests.stories.story import PRODUCTION, WEB, Story


class CommandLine:
    """`tengu …` in this process, as whoever is logged in here."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.errors = ""

    def __call__(self, *arguments: str, status: int = 0) -> str:
        """Run it; answers with what it printed."""
        self._capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            run(Application(COMMANDS), list(arguments))
        printed = self._capsys.readouterr()
        self.errors = printed.err
        assert end.value.code == status, printed.err
        return printed.out

    def json(self, *arguments: str) -> Any:
        """Run it with `--json`."""
        return json.loads(self(*arguments, "--json"))


@pytest.fixture
def cli(story: Story, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    """The command line on the story's configuration and database."""
    for name, value in story.environment.items():
        monkeypatch.setenv(name, value)
    return CommandLine(capsys)


def test_history_as_json(story: Story, cli: CommandLine) -> None:
    deployed = story.deploys("carol")
    (entry,) = cli.json("history", "production")
    assert set(entry) == {
        "number", "app", "environment", "commit", "source_commit", "outcome", "reason", "person", "pull_request",
        "started_at", "finished_at", "steps",
    }  # fmt: skip
    assert (entry["number"], entry["app"], entry["environment"]) == (1, WEB, PRODUCTION)
    assert (entry["commit"], entry["outcome"], entry["person"]) == (deployed.commit, "succeeded", "github:carol")
    assert entry["started_at"].endswith("+00:00")
    assert [step["name"] for step in entry["steps"]] == ["checkout", "build", "roll_out"]
    assert all(set(step) == {"name", "state", "seconds"} for step in entry["steps"])


def test_diff_as_json(story: Story, cli: CommandLine) -> None:
    number = story.change("Show the cart", by="alice")
    sha = story.repository.commit("master", {"typo": "fixed\n"}, "Fix a typo", by="dave")
    story.settle()
    diff = cli.json("diff", "production")
    assert set(diff) == {"app", "environment", "base", "head", "pull_requests", "commits"}
    (request,) = diff["pull_requests"]
    assert set(request) == {"number", "title", "author", "verifiers", "commits", "labels", "again", "reverted_by"}
    assert (request["number"], request["author"], request["verifiers"]) == (number, "alice", ["alice"])
    assert diff["commits"] == [{"sha": sha, "title": "Fix a typo", "author": "dave"}]
    assert cli.json("deploy", "production", "--dry-run") == diff


def test_status_as_json(story: Story, cli: CommandLine) -> None:
    deployed = story.deploys()
    story.says("carol", "lock production for 2h moving")
    story.change(by="bob")
    number = story.opens()
    story.merges("carol")
    (status,) = cli.json("status")
    assert set(status) == {
        "app", "environment", "running", "current", "waiting", "held", "lock", "freeze", "pull_request", "unverified",
    }  # fmt: skip
    assert status["running"]["number"] == 1 and status["running"]["commit"] == deployed.commit
    assert status["held"][0]["number"] == 2
    assert "moving" in status["lock"] and status["freeze"] is None
    assert status["pull_request"] == number
    assert {"number": number - 1, "verifier": "bob"} in status["unverified"]


def test_a_refusal_is_exit_status_one_with_the_reason_on_stderr(cli: CommandLine) -> None:
    assert cli("unlock", "production", status=1) == ""
    assert "web production is not locked." in cli.errors
    cli("deploy", "prodution", status=1)
    assert "Did you mean" in cli.errors


def test_wrong_usage_is_exit_status_two(cli: CommandLine) -> None:
    cli("deploy", status=2)
    cli("verify", "twelve", status=2)
    cli("stauts", status=2)
    assert "status" in cli.errors


def test_deploy_prints_plain_text_and_is_recorded_with_the_user(story: Story, cli: CommandLine) -> None:
    story.change(by="alice")
    story.settle()
    printed = cli("deploy", "production")
    assert printed.startswith("Opened #2 (http://") and "`" not in printed and "<@" not in printed
    assert str(story.events("deploy")[-1].actor) == f"cli:{getpass.getuser()}"
    assert len(story.open_pull_requests) == 1


def test_verify_as_somebody(story: Story, cli: CommandLine) -> None:
    story.change(by="alice")
    number = story.opens()
    cli("verify", "#1", "--as", "alice")
    (item,) = story.store.verifications.items(WEB, PRODUCTION, number)
    assert item.ticked and str(item.ticked_by) == "github:alice"
    cli("unverify", "1")
    (item,) = story.store.verifications.items(WEB, PRODUCTION, number)
    assert not item.ticked


def test_lock_cancel_and_rollback_reach_the_workers(story: Story, cli: CommandLine) -> None:
    story.deploys()
    story.deploys()
    cli("lock", "production", "--for", "2h", "--why", "moving")
    assert "moving" in cli("status")
    cli("unlock", "production")
    cli("rollback", "production")
    story.settle()
    assert story.last.target == 1 and story.outcomes()[-1] == "succeeded"
    assert "(command line)" in story.read(story.message("(deployment 3)"))

"""The command line: config check, config schema, version, exit statuses, and a quick `--help`."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import click
import pytest

from tengu.cli import COMMANDS
from tengu.cli.application import Application, Entry
from tengu.cli.boundary import run
from tengu.errors import Refused, ServiceError

EXAMPLE = Path(__file__).parents[2] / "tengu.example.yml"


def tengu(capsys: pytest.CaptureFixture[str], *args: str) -> tuple[int, str, str]:
    """Run the command line in this process: exit status, stdout, stderr."""
    with pytest.raises(SystemExit) as exit_:
        run(Application(COMMANDS), args)
    out, err = capsys.readouterr()
    return int(exit_.value.code or 0), out, err


def test_check_counts_what_is_configured(capsys: pytest.CaptureFixture[str]) -> None:
    assert tengu(capsys, "config", "check", "--config", str(EXAMPLE)) == (
        0,
        f"ok: 1 app, 2 environments in {EXAMPLE}\n",
        "",
    )


@pytest.mark.parametrize("before", [0, 1, 2])
def test_config_may_stand_before_and_after_the_command(capsys: pytest.CaptureFixture[str], before: int) -> None:
    words = ["config", "check"]
    assert tengu(capsys, *words[:before], "--config", str(EXAMPLE), *words[before:])[0] == 0


def test_check_finds_the_file_by_variable_and_in_the_folder(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TENGU_CONFIG", raising=False)
    assert tengu(capsys, "config", "check") == (
        2,
        "",
        "tengu.yml: there is no such file; copy tengu.example.yml, or name another with --config or TENGU_CONFIG\n",
    )
    monkeypatch.setenv("TENGU_CONFIG", str(EXAMPLE))
    assert tengu(capsys, "config", "check")[0] == 0
    monkeypatch.delenv("TENGU_CONFIG")
    Path("tengu.yml").write_text(EXAMPLE.read_text())
    assert tengu(capsys, "config", "check")[1] == "ok: 1 app, 2 environments in tengu.yml\n"


def test_a_wrong_file_is_exit_2_with_every_problem(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "t.yml"
    file.write_text(EXAMPLE.read_text().replace("services:", "servces:").replace("language: en", "language: fr"))
    status, out, err = tengu(capsys, "config", "check", "--config", str(file))
    assert (status, out) == (2, "")
    assert [line.split(": ")[1] for line in err.splitlines()] == [
        "language",
        "apps.web.environments.production.servces",
        "apps.web.environments.dev.servces",
    ]


def test_what_comes_later_is_exit_2_that_says_so(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "t.yml"
    file.write_text(EXAMPLE.read_text().replace("builder: docker ", "builder: codebuild "))
    status, out, err = tengu(capsys, "config", "check", "--config", str(file))
    assert (status, out) == (2, "")
    assert "apps.web.image.builder: the builders buildah, codebuild and existing are not there yet" in err


def test_schema_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = tengu(capsys, "config", "schema")
    assert status == 0
    assert json.loads(out)["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert tengu(capsys, "--version")[1].startswith("tengu")
    assert json.loads(tengu(capsys, "version", "--json")[1])["tengu"]


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["confg"], "'config'"),
        (["config", "chek"], "'check'"),
        (["config", "check", "--confg", "x"], "--config"),
        (["config", "check", "x"], "unexpected extra argument"),
    ],
)
def test_wrong_usage_is_exit_2_with_the_nearest_word(
    capsys: pytest.CaptureFixture[str], args: list[str], says: str
) -> None:
    status, out, err = tengu(capsys, *args)
    assert (status, out) == (2, "")
    assert says in err


def _raising(error: BaseException) -> click.Command:
    @click.command()
    def command() -> None:
        raise error

    return command


@pytest.mark.parametrize(
    ("error", "status", "says"),
    [
        (Refused("environment_locked", "production is locked.", "tengu unlock production"), 1, "tengu unlock"),
        (ServiceError("GitHub", "GET /user", "401 Bad credentials."), 1, "GitHub could not do GET /user"),
        (KeyboardInterrupt(), 130, ""),
        (EOFError(), 1, ""),
    ],
)
def test_known_errors_have_a_status_and_no_traceback(
    capsys: pytest.CaptureFixture[str], error: BaseException, status: int, says: str
) -> None:
    with pytest.raises(SystemExit) as exit_:
        run(_raising(error), [])
    assert exit_.value.code == status
    out, err = capsys.readouterr()
    assert out == ""
    assert says in err
    assert "Traceback" not in err


def test_a_bug_keeps_its_traceback() -> None:
    with pytest.raises(ZeroDivisionError):
        run(_raising(ZeroDivisionError()), [])


@pytest.mark.parametrize("entry", COMMANDS, ids=[entry.name for entry in COMMANDS])
def test_the_table_tells_the_truth(entry: Entry) -> None:
    module, _, attribute = entry.target.partition(":")
    command = getattr(import_module(module), attribute)
    assert command.name == entry.name
    assert (command.help or "").splitlines()[0] == entry.summary


def test_help_lists_every_command_and_imports_nothing_heavy() -> None:
    code = "import sys; from tengu.cli import main\ntry: main()\nexcept SystemExit: print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code, "--help"], capture_output=True, text=True, timeout=20, check=True
    )
    for entry in COMMANDS:
        assert f"\n  {entry.name} " in done.stdout
    modules = set(done.stdout.splitlines()[-1].split())
    assert not modules & {"boto3", "pydantic", "yaml", "github", "slack_sdk", "psycopg", "fastapi", "tengu.bootstrap"}


def test_a_closed_pipe_is_no_traceback() -> None:
    command = f"{sys.executable} -c 'from tengu.cli import main; main()' config schema | head -c 1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=20, check=True)
    assert (done.stdout, done.stderr) == ("{", "")

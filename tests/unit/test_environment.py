"""The environment variables: what is read, what is missing, what is wrong, and that no secret is ever shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from tengu.config.environment import PLAIN_VARIABLES, VARIABLES, ProcessSettings, config_path
from tengu.config.errors import ConfigurationError
from tengu.secret import Secret

PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----"
FOR_SERVE = {
    "GITHUB_TOKEN": "ghp_1",
    "GITHUB_WEBHOOK_SECRET": "hush",
    "SLACK_BOT_TOKEN": "xoxb-1",
    "SLACK_SIGNING_SECRET": "5ec7e7",
}


def read(**environ: str) -> ProcessSettings:
    return ProcessSettings.from_environment(environ)


def wrong(**environ: str) -> list[str]:
    with pytest.raises(ConfigurationError) as error:
        read(**environ)
    return str(error.value).splitlines()


def missing(**environ: str) -> list[str]:
    with pytest.raises(ConfigurationError) as error:
        read(**environ).for_serve()
    return str(error.value).splitlines()


def test_nothing_is_set() -> None:
    settings = read()
    assert settings.github_api_url == "https://api.github.com"
    assert settings.github_graphql_url == "https://api.github.com/graphql"
    assert settings.slack_api_url == "https://slack.com/api/"
    assert settings.database_url is None
    assert settings.public_url is None
    assert settings.home == Path("~/.tengu").expanduser()


def test_empty_is_unset() -> None:
    assert read(**dict.fromkeys([*VARIABLES, *PLAIN_VARIABLES], "")) == read()


def test_everything_is_set() -> None:
    settings = read(
        **FOR_SERVE,
        DATABASE_URL="postgresql://u:p@db/tengu",
        GITHUB_APP_ID="12345",
        GITHUB_APP_PRIVATE_KEY=PEM.replace("\n", "\\n"),
        SLACK_APP_TOKEN="xapp-1",
        TENGU_PUBLIC_URL="https://tengu.example.com/",
        TENGU_METRICS_TOKEN="m",
        TENGU_HOME="/srv/tengu",
        TENGU_IMAGE="1",
    )
    settings.for_serve()
    settings.for_work()
    assert settings.github_app_private_key == Secret(PEM)
    assert settings.public_url == "https://tengu.example.com"
    assert settings.home == Path("/srv/tengu")
    assert settings.in_image
    shown = repr(settings)
    assert not [secret for secret in ("u:p", "MIIE", "hush", "5ec7e7", "xoxb", "xapp", "ghp_") if secret in shown]


@pytest.mark.parametrize(
    ("given", "rest", "graphql"),
    [
        ("https://github.example.com/api/v3/", "https://github.example.com/api/v3", "https://github.example.com/api/graphql"),
        ("http://127.0.0.1:8081", "http://127.0.0.1:8081", "http://127.0.0.1:8081/graphql"),
        ("http://localhost:1/api/v3", "http://localhost:1/api/v3", "http://localhost:1/api/graphql"),
        ("http://[::1]:8081/", "http://[::1]:8081", "http://[::1]:8081/graphql"),
    ],
)  # fmt: skip
def test_addresses_are_normalised(given: str, rest: str, graphql: str) -> None:
    settings = read(GITHUB_API_URL=given, SLACK_API_URL="http://127.0.0.1:9/api")
    assert (settings.github_api_url, settings.github_graphql_url) == (rest, graphql)
    assert settings.slack_api_url == "http://127.0.0.1:9/api/"


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("GITHUB_API_URL", "http://github.example.com", "plain http, which is fine on loopback alone"),
        ("SLACK_API_URL", "http://127.0.0.1.example.com/api", "plain http"),
        ("GITHUB_API_URL", "github.example.com", "is no address"),
        ("TENGU_PUBLIC_URL", "https://", "is no address"),
        ("TENGU_PUBLIC_URL", "https://[x", "is no address"),
        ("TENGU_PUBLIC_URL", "https://u:hunter2@example.com", "may have no user name"),
        ("DATABASE_URL", "mysql://u:hunter2@db/tengu", "is no PostgreSQL address"),
        ("SLACK_BOT_TOKEN", "xoxb-hunter2 x", "holds a space, line break"),
    ],
)
def test_what_cannot_be_used_is_said_without_showing_it(name: str, value: str, says: str) -> None:
    (line,) = wrong(**{name: value})
    assert line.startswith(f"{name}: ")
    assert says in line
    assert "hunter2" not in line


def test_a_github_app_needs_both_halves() -> None:
    assert wrong(GITHUB_APP_ID="1") == [
        "GITHUB_APP_PRIVATE_KEY: not set, but GITHUB_APP_ID is: a GitHub App needs both"
    ]
    assert wrong(GITHUB_APP_PRIVATE_KEY=PEM) == [
        "GITHUB_APP_ID: not set, but GITHUB_APP_PRIVATE_KEY is: a GitHub App needs both"
    ]
    lines = wrong(GITHUB_APP_ID="my-app", GITHUB_APP_PRIVATE_KEY="/srv/key.pem")
    assert [line.split(":")[0] for line in lines] == ["GITHUB_APP_ID", "GITHUB_APP_PRIVATE_KEY"]


@pytest.mark.parametrize("name", VARIABLES)
def test_every_value_may_come_from_a_file(name: str, tmp_path: Path) -> None:
    values = {
        "DATABASE_URL": "postgresql:///tengu",
        "GITHUB_API_URL": "https://github.example.com",
        "SLACK_API_URL": "https://slack.example.com/",
        "TENGU_PUBLIC_URL": "https://tengu.example.com",
        "GITHUB_APP_ID": "17",
        "GITHUB_APP_PRIVATE_KEY": PEM,
    }
    both = {"GITHUB_APP_ID": "17", "GITHUB_APP_PRIVATE_KEY": PEM} if name.startswith("GITHUB_APP") else {}
    value = values.get(name, "s3cret")
    file = tmp_path / "value"
    file.write_text(value + "\n")
    others = {key: other for key, other in both.items() if key != name}
    assert read(**others, **{f"{name}_FILE": str(file)}) == read(**others, **{name: value})
    (line,) = wrong(**others, **{name: value, f"{name}_FILE": str(file)})
    assert line == f"{name}: both {name} and {name}_FILE are set; unset one of them"


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    lines = wrong(GITHUB_TOKEN_FILE=str(tmp_path / "none"), SLACK_BOT_TOKEN_FILE=str(tmp_path / "bytes"))
    assert lines == [
        f"GITHUB_TOKEN_FILE: the file {tmp_path}/none cannot be read: No such file or directory",
        f"SLACK_BOT_TOKEN_FILE: the file {tmp_path}/bytes cannot be read: it is not UTF-8",
    ]


def test_serve_names_all_that_is_missing_and_where_it_comes_from() -> None:
    lines = missing()
    assert [line.split(":")[0] for line in lines] == [
        "GITHUB_APP_ID",
        "GITHUB_WEBHOOK_SECRET",
        "SLACK_BOT_TOKEN",
        "SLACK_SIGNING_SECRET",
    ]
    assert "or set GITHUB_TOKEN instead" in lines[0]
    assert "api.slack.com/apps" in lines[2]
    read(**FOR_SERVE).for_serve()


@pytest.mark.parametrize("name", FOR_SERVE)
def test_serve_names_each_one_that_is_missing(name: str) -> None:
    (line,) = missing(**{key: value for key, value in FOR_SERVE.items() if key != name})
    assert name in line


def test_socket_mode_comes_later() -> None:
    environ = {**FOR_SERVE, "SLACK_APP_TOKEN": "xapp-1"}
    read(**environ).for_serve()
    (line,) = missing(**{**environ, "SLACK_SIGNING_SECRET": ""})
    assert line.startswith("SLACK_SIGNING_SECRET: not set, and Socket Mode (SLACK_APP_TOKEN alone) is not there yet")


def test_a_worker_needs_no_webhook() -> None:
    read(GITHUB_TOKEN="t", SLACK_BOT_TOKEN="x").for_work()
    with pytest.raises(ConfigurationError, match="SLACK_BOT_TOKEN"):
        read(GITHUB_TOKEN="t").for_work()


def test_in_tengus_image_the_database_is_named(tmp_path: Path) -> None:
    (line,) = missing(**FOR_SERVE, TENGU_IMAGE="1")
    assert line.startswith("DATABASE_URL: not set, and a database inside this container would be lost")
    read(**FOR_SERVE, TENGU_IMAGE="1", TENGU_HOME=str(tmp_path)).for_serve()
    read(**FOR_SERVE, TENGU_IMAGE="1", DATABASE_URL="postgres://db/tengu").for_serve()


def test_the_configuration_file() -> None:
    assert config_path({}) == Path("tengu.yml")
    assert config_path({"TENGU_CONFIG": ""}) == Path("tengu.yml")
    assert config_path({"TENGU_CONFIG": "/etc/tengu.yml"}) == Path("/etc/tengu.yml")


def test_this_process_is_read_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "from-the-process")
    assert ProcessSettings.from_environment().github_token == Secret("from-the-process")

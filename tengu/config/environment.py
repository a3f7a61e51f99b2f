"""The environment variables: secrets and addresses of this process. The only module that reads them.

(What builds and the AWS client take from the environment is allow-listed where they are started.)
Every one of VARIABLES may also be given as NAME_FILE, a file that holds the value. An empty variable is unset.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tengu.config.errors import ConfigurationError, Problem
from tengu.config.variables import VariableReader
from tengu.secret import Secret

VARIABLES: Mapping[str, str] = {
    "DATABASE_URL": "PostgreSQL, like postgresql://tengu@db.example.com/tengu; unset: an embedded one in TENGU_HOME",
    "GITHUB_API_URL": "GitHub's API, like https://github.example.com/api/v3; unset: https://api.github.com",
    "GITHUB_APP_ID": "the App ID on the GitHub App's settings page",
    "GITHUB_APP_PRIVATE_KEY": "the .pem file that the GitHub App's settings page makes under Private keys",
    "GITHUB_TOKEN": "a GitHub token, instead of an app",
    "GITHUB_WEBHOOK_SECRET": "the Webhook secret on the settings page of the GitHub App (or of the webhook)",
    "SLACK_API_URL": "Slack's API; unset: https://slack.com/api/",
    "SLACK_BOT_TOKEN": "the Bot User OAuth Token (xoxb-…) under OAuth & Permissions of the app at api.slack.com/apps",
    "SLACK_SIGNING_SECRET": "the Signing Secret under Basic Information of the app at api.slack.com/apps",
    "SLACK_APP_TOKEN": "an app-level token (xapp-…), for Socket Mode",
    "TENGU_PUBLIC_URL": "where people's browsers reach Tengu; unset: no links",
    "TENGU_METRICS_TOKEN": "the bearer token for /metrics; unset: no metrics",
}
"""Those that may come from a file: what each is, and where to get it."""

PLAIN_VARIABLES: Mapping[str, str] = {
    "TENGU_CONFIG": "the configuration file; unset: ./tengu.yml",
    "TENGU_HOME": "the folder of the embedded PostgreSQL and of checkouts; unset: ~/.tengu",
    "TENGU_IMAGE": "set to 1 by Tengu's own container image",
    "GIT_SHA": "the commit that Tengu's own container image was built from",
}


@dataclass(frozen=True)
class ProcessSettings:
    """Secrets and addresses of this process; None is unset.

    Args:
        database_url: None means the embedded PostgreSQL in `home`.
        github_api_url: without a slash at the end.
        github_app_id, github_app_private_key: both or neither; they win over `github_token`. The key is PEM.
        slack_api_url: with a slash at the end, as slack_sdk takes it.
        public_url: without a slash at the end.
        home: absolute; the folder of what this process keeps on disk.
        home_is_set: False if `home` is the default.
        in_image: True in Tengu's own container image, whose disk nobody keeps.
        revision: commit that this image was built from; `unknown` outside of it.
    """

    database_url: Secret | None
    github_api_url: str
    github_app_id: str | None
    github_app_private_key: Secret | None
    github_token: Secret | None
    github_webhook_secret: Secret | None
    slack_api_url: str
    slack_bot_token: Secret | None
    slack_signing_secret: Secret | None
    slack_app_token: Secret | None
    public_url: str | None
    metrics_token: Secret | None
    home: Path
    home_is_set: bool
    in_image: bool
    revision: str

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> ProcessSettings:
        """Read this process's environment, or the one given.

        Raises:
            ConfigurationError: what is set cannot be used; holds everything that is wrong.
        """
        reader = VariableReader(os.environ if environ is None else environ)
        app_id, private_key = reader.app("GITHUB_APP_ID", "GITHUB_APP_PRIVATE_KEY")
        settings = cls(
            database_url=reader.database("DATABASE_URL"),
            github_api_url=reader.address("GITHUB_API_URL", "https://api.github.com"),
            github_app_id=app_id,
            github_app_private_key=private_key,
            github_token=reader.secret("GITHUB_TOKEN"),
            github_webhook_secret=reader.secret("GITHUB_WEBHOOK_SECRET"),
            slack_api_url=reader.address("SLACK_API_URL", "https://slack.com/api") + "/",
            slack_bot_token=reader.secret("SLACK_BOT_TOKEN"),
            slack_signing_secret=reader.secret("SLACK_SIGNING_SECRET"),
            slack_app_token=reader.secret("SLACK_APP_TOKEN"),
            public_url=reader.address("TENGU_PUBLIC_URL", "") or None,
            metrics_token=reader.secret("TENGU_METRICS_TOKEN"),
            home=Path(reader.plain("TENGU_HOME") or "~/.tengu").expanduser().absolute(),
            home_is_set=bool(reader.plain("TENGU_HOME")),
            in_image=reader.plain("TENGU_IMAGE") == "1",
            revision=reader.plain("GIT_SHA") or "unknown",
        )
        _raise_any(reader.problems)
        return settings

    @property
    def github_graphql_url(self) -> str:
        """`/graphql` below the API; on GitHub Enterprise Server, whose API is `…/api/v3`, `…/api/graphql`."""
        below = self.github_api_url.removesuffix("/v3") if self.github_api_url.endswith("/api/v3") else None
        return f"{below or self.github_api_url}/graphql"

    def for_serve(self) -> None:
        """Check that everything `tengu serve` needs is there.

        Raises:
            ConfigurationError: names all that is missing, and where each comes from.
        """
        problems = [*self._missing_github(), *self._missing("GITHUB_WEBHOOK_SECRET", "SLACK_BOT_TOKEN")]
        if self.slack_app_token is not None and self.slack_signing_secret is None:
            what = "not set, and Socket Mode (SLACK_APP_TOKEN alone) is not there yet; set it to "
            problems.append(Problem(what + VARIABLES["SLACK_SIGNING_SECRET"], key="SLACK_SIGNING_SECRET"))
        else:
            problems += self._missing("SLACK_SIGNING_SECRET")
        _raise_any([*problems, *self._missing_database()])

    def for_work(self) -> None:
        """Check that everything a worker, or a command that acts, needs is there: GitHub, Slack and the database.

        Raises:
            ConfigurationError: names all that is missing, and where each comes from.
        """
        _raise_any([*self._missing_github(), *self._missing("SLACK_BOT_TOKEN"), *self._missing_database()])

    def for_database(self) -> None:
        """Check that there is a database that outlives this process: all that a command needs at first.

        Raises:
            ConfigurationError: in Tengu's image neither DATABASE_URL nor TENGU_HOME is set.
        """
        _raise_any(self._missing_database())

    def _missing(self, *names: str) -> list[Problem]:
        return [
            Problem(f"not set; it is {VARIABLES[name]}", key=name)
            for name in names
            if getattr(self, name.lower()) is None
        ]

    def _missing_github(self) -> list[Problem]:
        if self.github_app_id is not None or self.github_token is not None:
            return []
        app_id, key = VARIABLES["GITHUB_APP_ID"], VARIABLES["GITHUB_APP_PRIVATE_KEY"]
        what = f"not set; it is {app_id}, and GITHUB_APP_PRIVATE_KEY is {key}; or set GITHUB_TOKEN instead of both"
        return [Problem(what, key="GITHUB_APP_ID")]

    def _missing_database(self) -> list[Problem]:
        if self.database_url is not None or self.home_is_set or not self.in_image:
            return []
        what = (
            "not set, and a database inside this container would be lost with it; set it to a PostgreSQL, "
            "like postgresql://tengu@db.example.com/tengu, or set TENGU_HOME to a folder on a volume"
        )
        return [Problem(what, key="DATABASE_URL")]


def config_path(environ: Mapping[str, str] | None = None) -> Path:
    """The configuration file where no `--config` names one: TENGU_CONFIG, then ./tengu.yml."""
    return Path((os.environ if environ is None else environ).get("TENGU_CONFIG") or "tengu.yml")


def _raise_any(problems: list[Problem]) -> None:
    if problems:
        raise ConfigurationError(problems)

"""`/healthz` and `/readyz`: what a supervisor and a person see."""

from __future__ import annotations

import httpx
import psycopg

from tests.stories.story import Story


def _get(story: Story, path: str) -> httpx.Response:
    return httpx.get(f"{story.url}{path}", timeout=30, trust_env=False)


def test_alive_and_ready(story: Story) -> None:
    assert _get(story, "/healthz").json()["status"] == "alive"
    answer = _get(story, "/readyz")
    assert answer.status_code == 200
    assert answer.json() == {
        "ready": True,
        "database": "ok",
        "sweep": "ok",
        "disk": "ok",
        "github": "ok",
        "slack": "ok",
    }


def test_slack_and_github_away_are_reported_and_not_required(story: Story) -> None:
    story.world.slack.faults.down = True
    story.world.github.faults.down = True
    answer = _get(story, "/readyz")
    assert answer.status_code == 200 and answer.json()["ready"] is True
    assert "Slack" in answer.json()["slack"] and "GitHub" in answer.json()["github"]


def test_with_the_database_away_it_is_alive_but_not_ready(story: Story, postgres: str) -> None:
    name = psycopg.conninfo.conninfo_to_dict(story.database.dsn)["dbname"]
    with psycopg.connect(postgres, dbname="postgres", autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false".encode())
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
        assert _get(story, "/healthz").status_code == 200
        answer = _get(story, "/readyz")
        assert answer.status_code == 503
        assert answer.json()["ready"] is False and "PostgreSQL" in answer.json()["database"]
        connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true".encode())
    assert any(_get(story, "/readyz").status_code == 200 for _ in range(20))  # the pool comes back by and by

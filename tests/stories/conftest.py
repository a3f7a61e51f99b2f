"""One Tengu with everything around it for each story; AWS, which is slow to start, is shared."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tengu.adapters.aws.ecr import EcrLogin
from tengu.adapters.aws.ecs import EcsContainerServices
from tengu.adapters.aws.session import Sessions
from tengu.adapters.postgres.database import Database
from tengu.adapters.registry import OciRegistry
from tengu.sandbox.aws.stand_in import AwsStandIn
from tests.stories.story import Amazon, Story


@pytest.fixture(scope="session")
def amazon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Amazon]:
    """AWS, and Tengu's ways to it."""
    sessions = Sessions()
    with AwsStandIn(tmp_path_factory.mktemp("aws"), None) as aws:
        registry = OciRegistry(EcrLogin(sessions))
        yield Amazon(aws, EcsContainerServices(sessions), registry)
        registry.close()


@pytest.fixture
def story(tmp_path: Path, dsn: str, amazon: Amazon, monkeypatch: pytest.MonkeyPatch) -> Iterator[Story]:
    """A team that has just got its Tengu; nothing was deployed yet."""
    amazon.stand_in.reset()
    for name, value in amazon.stand_in.environment.items():
        monkeypatch.setenv(name, value)
    database = Database(dsn, timeout=1.0)
    database.open()
    with Story(tmp_path / "world", amazon, database) as story:
        yield story
    database.close()

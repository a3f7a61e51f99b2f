"""The container engine, found once for all stories that build and run for real."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tengu.sandbox.engine import Engine, find_or_start_engine
from tengu.sandbox.example_app import make_base_image


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """A docker daemon with the example's base image. Without one: a skip, in CI a failure."""
    said: list[str] = []
    found = find_or_start_engine(said.append, tmp_path_factory.mktemp("engine"), install=False)
    if found is None:
        (pytest.fail if os.environ.get("TENGU_REQUIRE_ENGINE") else pytest.skip)(" ".join(said))
    make_base_image(found, print)
    yield found
    found.close()

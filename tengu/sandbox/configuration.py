"""The tengu.yml of the sandbox."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tengu.sandbox.aws.stand_in import REGION
from tengu.sandbox.example_app import BUILD_ARGUMENTS
from tengu.sandbox.world import BRANCH, CHANNEL, CLUSTER, REPOSITORY, SERVICES, USERS, World


def production(**changes: Any) -> dict[str, Any]:
    """The environment `production`, with some keys changed."""
    return {
        "source": "master",
        "branch": BRANCH,
        "region": REGION,
        "services": [{"cluster": CLUSTER, "service": service, "containers": ["app"]} for service in SERVICES],
        "migrate": {
            "cluster": CLUSTER,
            "service": "web",
            "container": "app",
            "command": ["bin/migrate"],
            "rollback_safe": True,
        },
        "rollout_timeout": "3m",
        "verification": {"hours": "always"},
        **changes,
    }


def write_configuration(world: World, file: Path, environments: Mapping[str, Mapping[str, Any]]) -> Path:
    """Write a tengu.yml for the example application in that world; answers with the file."""
    app = {
        "repository": REPOSITORY,
        "channel": CHANNEL,
        "image": {"repository": world.image, "build_args": dict(BUILD_ARGUMENTS)},
        "environments": {name: dict(environment) for name, environment in environments.items()},
    }
    file.write_text(yaml.safe_dump({"timezone": "Asia/Tokyo", "apps": {"web": app}, "users": USERS}, sort_keys=False))
    return file

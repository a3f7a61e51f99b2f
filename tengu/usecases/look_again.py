"""Heals what a lost webhook did not tell about a deployment pull request: ticks, and that it was closed."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tengu.config.model import Settings
from tengu.ports.code_host import CodeHost
from tengu.ports.store import DeploymentPullRequest, Environments
from tengu.usecases.propose_deployment import SOMEBODY
from tengu.usecases.verify import Verify


@dataclass(frozen=True)
class LookAgain:
    """Callable with a deployment pull request; asks GitHub once."""

    settings: Settings
    code_host: CodeHost
    environments: Environments
    verify: Verify

    def __call__(self, known: DeploymentPullRequest) -> DeploymentPullRequest:
        """Bring the record up to date with GitHub, and answer with it.

        Raises:
            ServiceError: GitHub could not be asked.
        """
        now = self.code_host.pull_request(self.settings.apps[known.app].repository, known.number)
        if known.state not in (now.state, "merged"):
            known = replace(known, state=now.state, merged_at=now.merged_at)
            self.environments.save_pull_request(known)
        if now.state != "closed":
            self.verify.sync_ticks(known.app, known.environment, known.number, now.body, SOMEBODY)
        return known

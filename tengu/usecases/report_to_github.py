"""Shows a deployment on GitHub: a GitHub Deployment with its statuses."""

from __future__ import annotations

from dataclasses import dataclass

from tengu.config.model import Settings
from tengu.domain.deployment import Deployment, State
from tengu.ports.code_host import CodeHost, DeploymentState
from tengu.ports.store import Deployments, Environments


@dataclass(frozen=True)
class ReportToGitHub:
    """Adds one status; safe to run again, the GitHub Deployment is found by its key.

    Two states of one deployment may be reported at the same moment: one after the other, so that there is one GitHub
    Deployment, and its last status is its outcome.
    """

    settings: Settings
    deployments: Deployments
    environments: Environments
    code_host: CodeHost

    def __call__(self, number: int, state: DeploymentState) -> None:
        """Report that deployment `number` is in `state`, unless it has ended meanwhile."""
        with self.environments.exclusive(f"github-deployment:{number}"):
            deployment = self.deployments.get(number)
            if deployment is None or (state == "in_progress" and deployment.state is State.ENDED):
                return
            self._report(deployment, state)

    def _report(self, deployment: Deployment, state: DeploymentState) -> None:
        number, app = deployment.number, self.settings.apps[deployment.app]
        identifier = self.code_host.create_deployment(
            app.repository,
            deployment.commit,
            environment=github_environment(self.settings, deployment.app, deployment.environment),
            description=f"Tengu deployment {number}",
            key=f"tengu-deployment-{number}",
        )
        description = deployment.reason or f"Tengu deployment {number}: {deployment.outcome or 'running'}"
        url = app.environments[deployment.environment].check_url or ""
        self.code_host.set_deployment_status(
            app.repository, identifier, state, description=description, environment_url=url
        )


def github_environment(settings: Settings, app: str, environment: str) -> str:
    """What GitHub calls the environment: with its app in front where there are several."""
    return environment if len(settings.apps) == 1 else f"{app}/{environment}"

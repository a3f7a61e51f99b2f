"""What would a deployment bring? Reads it from GitHub and from the record of deployments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from tengu.config.model import Environment, Settings
from tengu.domain.changeset import Changeset, Commit, MergedPullRequest
from tengu.domain.grouping import carried_again, group, guess_number
from tengu.errors import Refused
from tengu.ports.clock import Clock
from tengu.ports.code_host import CodeHost, Comparison
from tengu.ports.store import Deployments, Environments

#: So long GitHub may not know yet which pull request a new commit came with.
INDEX_LAG = timedelta(minutes=5)
#: Deployments looked through for what was deployed before and did not stay.
_HISTORY = 100


@dataclass(frozen=True)
class CollectChangeset:
    """Callable with app and environment: about 3 + 2⌈commits/100⌉ requests to GitHub."""

    settings: Settings
    code_host: CodeHost
    deployments: Deployments
    environments: Environments
    clock: Clock

    def __call__(self, app: str, environment: str, head: str | None = None, base: str | None = None) -> Changeset:
        """Everything between what the environment runs and the head of its source branch.

        Args:
            head: another commit than the source branch's head, such as the one that was merged.
            base: another commit than the one that runs by the record.

        Raises:
            Refused: a branch is missing (`source_branch_missing`, `deployment_branch_missing`).
            ServiceError: GitHub or the database could not be asked.
        """
        repository, settings = self.settings.apps[app].repository, self._environment(app, environment)
        source = source_branch(settings)
        head = head or self._head(repository, source)
        base = base or self._base(app, environment, head)
        if base == head:
            return Changeset(app, environment, repository, base, head, (), ())
        comparison = self.code_host.compare(repository, base, head)
        associated = self._associated(repository, comparison.commits, source)
        again = carried_again(self.deployments.history(app=app, environment=environment, limit=_HISTORY))
        truncated = _truncated(comparison)
        entries, commits = group(
            comparison.commits, associated, source=source, again=again, truncated=bool(truncated)
        )  # fmt: skip
        return Changeset(app, environment, repository, base, head, entries, commits, truncated)

    def _environment(self, app: str, environment: str) -> Environment:
        return self.settings.apps[app].environments[environment]

    def _head(self, repository: str, source: str) -> str:
        head = self.code_host.branch_head(repository, source)
        if head is None:
            raise Refused(
                "source_branch_missing",
                f"{repository} has no branch {source}, which `source:` in tengu.yml names.",
                "Correct `source:` or push that branch.",
            )
        return head

    def _base(self, app: str, environment: str, head: str) -> str:
        """What runs: the source commit of the last succeeded deployment; where there is none, the deployment branch's
        head before the first merge that Tengu saw, so that what failed to come is not forgotten."""
        running = self.deployments.last_succeeded(app, environment)
        if running is not None:
            return running.source_commit
        settings = self._environment(app, environment)
        if settings.deploy_on == "push":
            return head
        repository, branch = self.settings.apps[app].repository, settings.branches[0]
        base = self.environments.adopted(app, environment, branch) or self.code_host.branch_head(repository, branch)
        if base is None:
            raise Refused(
                "deployment_branch_missing",
                f"{repository} has no branch {branch} yet, so nothing tells what {environment} runs.",
                f"`@tengu deploy {environment} {app}` offers to create it.",
            )
        return base

    def _associated(
        self, repository: str, commits: Sequence[Commit], source: str
    ) -> Mapping[str, Sequence[MergedPullRequest]]:
        """GitHub's associations, and for commits too young for its index what their subjects say, checked."""
        associated: dict[str, Sequence[MergedPullRequest]] = dict(
            self.code_host.merged_pull_requests_of(repository, [commit.sha for commit in commits])
        )
        now = self.clock.now()
        for commit in commits:
            number = guess_number(commit.title)
            if number is None or now - commit.committed_at > INDEX_LAG:
                continue
            if any(each.merge_commit == commit.sha for each in associated.get(commit.sha, ())):
                continue
            named = self.code_host.merged_pull_request(repository, number)
            if named is not None and named.base == source and named.merge_commit == commit.sha:
                associated[commit.sha] = (*associated.get(commit.sha, ()), named)
        return associated


def source_branch(environment: Environment) -> str:
    """Where the work of an environment is merged: `source:`, on push environments the branch itself."""
    return environment.source if environment.deploy_on == "merge" else environment.branches[0]


def _truncated(comparison: Comparison) -> str:
    listed = len(comparison.commits)
    if listed >= comparison.total:
        return ""
    return f"GitHub lists {listed:,} of the {comparison.total:,} commits, so some pull requests may be missing."

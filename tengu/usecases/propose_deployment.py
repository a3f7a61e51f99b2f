"""Opens or refreshes the deployment pull request of one environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from tengu.config.model import Environment, Settings
from tengu.domain.changeset import Changeset, Commit
from tengu.domain.deployment import Deployment
from tengu.domain.deployment_body import Context, render
from tengu.domain.deployment_pull_request import BODY_LIMIT, body_length, outside, parse_ticks, splice, title
from tengu.domain.people import Actor
from tengu.errors import Refused
from tengu.ports.clock import Clock
from tengu.ports.code_host import CodeHost, PullRequest
from tengu.ports.store import DeploymentPullRequest, Deployments, Environments, VerificationItem, Verifications
from tengu.usecases.changeset import CollectChangeset
from tengu.usecases.edit_body import Edited, edit_body
from tengu.usecases.ticks import listed_items, seen_in, take_over

#: Who ticked a box on GitHub, as long as no webhook has told.
SOMEBODY = Actor("github")


@dataclass(frozen=True)
class Opened:
    """A new deployment pull request was opened."""

    pull_request: PullRequest
    changeset: Changeset
    items: tuple[VerificationItem, ...]


@dataclass(frozen=True)
class Refreshed:
    """The open one was brought up to date.

    Args:
        added, removed: numbers of merged pull requests that came and went since it was last written.
    """

    pull_request: PullRequest
    changeset: Changeset
    items: tuple[VerificationItem, ...]
    added: tuple[int, ...] = ()
    removed: tuple[int, ...] = ()


@dataclass(frozen=True)
class Unchanged:
    """The open one is up to date; nothing was written to GitHub."""

    pull_request: PullRequest
    changeset: Changeset
    items: tuple[VerificationItem, ...]


@dataclass(frozen=True)
class NothingToDeploy:
    """There is nothing to merge.

    Args:
        changeset: empty if the environment runs everything. Else what it does not run although it is on the
            deployment branch already, because its deployment failed, was rolled back, waits or is held: that
            needs `retry` or `resume`, no pull request.
    """

    changeset: Changeset


@dataclass(frozen=True)
class BranchMissing:
    """The deployment branch does not exist: ask, then call again with `create_branch=True`.

    Args:
        start: where it would be created: what runs by the record (somebody deleted the branch); else the commit
            before the source branch's head, so that the newest change is the first thing to deploy and
            everything before it counts as running already.
    """

    branch: str
    source: str
    start: Commit


Proposal = Opened | Refreshed | Unchanged | NothingToDeploy | BranchMissing


@dataclass(frozen=True)
class ProposeDeployment:
    """Callable with app and environment. Two at once make one pull request: the second waits and refreshes."""

    settings: Settings
    code_host: CodeHost
    environments: Environments
    verifications: Verifications
    deployments: Deployments
    clock: Clock

    def __call__(
        self, app: str, environment: str, actor: Actor, *, create_branch: bool = False, message_key: str = ""
    ) -> Proposal:
        """Open it, or refresh the one that is open.

        Args:
            create_branch: create a missing deployment branch instead of asking.
            message_key: key of the Slack message that announces it, remembered for a new one.

        Raises:
            Refused: `source_branch_missing`, `too_few_commits` (nothing to start a deployment branch from).
            ServiceError: GitHub or the database could not be asked.
        """
        settings, repository = self._environment(app, environment), self.settings.apps[app].repository
        branch = settings.branches[0]
        with self.environments.exclusive(f"pull-request:{app}/{environment}"):
            deployed = self.code_host.branch_head(repository, branch)
            running = self.deployments.last_succeeded(app, environment)
            if deployed is None:
                start = self._start(repository, settings.source, branch, running)
                if not create_branch:
                    return BranchMissing(branch, settings.source, start)
                self.code_host.create_branch(repository, branch, start.sha)
                deployed = start.sha
            adopted = self.environments.adopted(app, environment, branch)
            changeset = self._collect(app, environment, running.source_commit if running else adopted or deployed)
            found = self.code_host.find_open_pull_request(repository, settings.source, branch)
            if found is not None:
                return self._refresh(changeset, found, actor, message_key)
            # Compared with the branch itself, what is left is what GitHub would merge.
            merged = changeset.base != deployed and self.code_host.is_ancestor(repository, changeset.head, deployed)
            if changeset.is_empty or merged:
                return NothingToDeploy(changeset)
            return self._open(changeset, actor, message_key)

    def refresh(self, app: str, environment: str, number: int) -> None:
        """Bring the body of that pull request up to date if it is still open; the caller holds no lock."""
        with self.environments.exclusive(f"pull-request:{app}/{environment}"):
            known = self.environments.pull_request(app, environment, number)
            now = self.code_host.pull_request(self.settings.apps[app].repository, number)
            if known is not None and now.state == "open":
                self._refresh(self._collect(app, environment), now, known.opened_by, known.message_key)

    def settle(self, app: str, environment: str, merged: PullRequest, base: str) -> tuple[int, ...]:
        """It was merged: bring boxes and body up to date with exactly what was merged.

        Args:
            base: source commit that ran before, since the deployment branch contains the merge by now.

        Returns:
            The numbers of the merged pull requests it brings.
        """
        with self.environments.exclusive(f"pull-request:{app}/{environment}"):
            changeset = self._collect(app, environment, base, merged.head_sha)
            by = Actor("github", merged.author.login if merged.author else "")
            self._remember(changeset, merged, by, "")
            self._write(changeset, merged.number, self.verifications.items(app, environment, merged.number))
            return changeset.numbers

    def _environment(self, app: str, environment: str) -> Environment:
        return self.settings.apps[app].environments[environment]

    def _collect(self, app: str, environment: str, base: str | None = None, head: str | None = None) -> Changeset:
        collect = CollectChangeset(self.settings, self.code_host, self.deployments, self.environments, self.clock)
        return collect(app, environment, head, base)

    def _start(self, repository: str, source: str, branch: str, running: Deployment | None) -> Commit:
        if running is not None:
            return self.code_host.commit(repository, running.source_commit)
        head = self.code_host.branch_head(repository, source)
        if head is None:
            raise Refused(
                "source_branch_missing",
                f"{repository} has neither the branch {branch} nor {source}, which tengu.yml names.",
                f"Correct `source:` or push {source}.",
            )
        parents = self.code_host.commit(repository, head).parents
        if not parents:
            raise Refused(
                "too_few_commits",
                f"{source} has a single commit, so a new {branch} would leave nothing to deploy.",
                f"Push a second commit to {source}, or create {branch} yourself at what runs now.",
            )
        return self.code_host.commit(repository, parents[0])

    def _open(self, changeset: Changeset, actor: Actor, message_key: str) -> Proposal:
        app, environment = changeset.app, changeset.environment
        settings = self._environment(app, environment)
        block = self._block(changeset, {}, "")
        made = self.code_host.create_pull_request(
            changeset.repository,
            title=title(app, environment),
            body=block,
            head=settings.source,
            base=settings.branches[0],
        )
        if made.body.strip() != block.strip():  # somebody opened one by hand a moment ago
            return self._refresh(changeset, made, actor, message_key)
        items = listed_items(changeset, made.number, (), settings.verification.mention)
        self._remember(changeset, made, actor, message_key)
        self.verifications.save(items)
        return Opened(made, changeset, items)

    def _refresh(self, changeset: Changeset, found: PullRequest, actor: Actor, message_key: str) -> Proposal:
        app, environment = changeset.app, changeset.environment
        before = self.verifications.items(app, environment, found.number)
        self._remember(changeset, found, actor, message_key)
        edited = self._write(changeset, found.number, before)
        items = self.verifications.items(app, environment, found.number)
        listed = tuple(item for item in items if item.listed)
        if not edited.written:
            return Unchanged(edited.pull_request, changeset, listed)
        old, new = ({item.item for item in each if item.listed} for each in (before, items))
        return Refreshed(edited.pull_request, changeset, listed, tuple(sorted(new - old)), tuple(sorted(old - new)))

    def _write(self, changeset: Changeset, number: int, before: tuple[VerificationItem, ...]) -> Edited:
        """Take over people's ticks, record them, then show them: after a crash in between nothing is lost."""
        mention = self._environment(changeset.app, changeset.environment).verification.mention
        items = listed_items(changeset, number, before, mention)

        def make(body: str) -> str:
            nonlocal items
            items = take_over(items, parse_ticks(body), lambda _: SOMEBODY, self.clock.now())
            self.verifications.save(items)
            return splice(body, self._block(changeset, {item.item: item.ticked for item in items}, outside(body)))

        edited = edit_body(self.code_host, changeset.repository, number, make)
        self.verifications.save(seen_in(items, parse_ticks(edited.pull_request.body)))
        return edited

    def _block(self, changeset: Changeset, ticks: Mapping[int, bool], around: str) -> str:
        settings = self._environment(changeset.app, changeset.environment)
        running = self.deployments.last_succeeded(changeset.app, changeset.environment)
        context = Context(
            mention=settings.verification.mention,
            branch=settings.branches[0],
            running=running.number if running else None,
            room=BODY_LIMIT - body_length(around),
        )
        return render(changeset, ticks, context)

    def _remember(self, changeset: Changeset, found: PullRequest, actor: Actor, message_key: str) -> None:
        app, environment = changeset.app, changeset.environment
        known = self.environments.pull_request(app, environment, found.number)
        if known is None:
            known = DeploymentPullRequest(
                app, environment, found.number, found.url, "open", changeset.base, changeset.head,
                self.clock.now(), actor, message_key,
            )  # fmt: skip
        self.environments.save_pull_request(
            replace(
                known,
                state=found.state,
                merged_at=found.merged_at,
                base=changeset.base,
                head=changeset.head,
                message_key=known.message_key or message_key,
            )
        )

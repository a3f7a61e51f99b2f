"""`deploy` and `diff`: the deployment pull request of a merge environment, the branch's head of a push environment."""

from __future__ import annotations

from dataclasses import dataclass

from tengu.config.model import Environment, Settings
from tengu.domain.answer import Answer
from tengu.domain.changeset import Changeset
from tengu.domain.deployment import Kind, NewDeployment, Outcome
from tengu.domain.messages import proposal as messages
from tengu.domain.messages.words import short
from tengu.domain.people import Actor
from tengu.errors import Refused
from tengu.ports.code_host import CodeHost
from tengu.ports.store import Deployments, Environments, Event, Events
from tengu.usecases.announce import Announce
from tengu.usecases.changeset import CollectChangeset
from tengu.usecases.obstacles import Obstacles
from tengu.usecases.people import People
from tengu.usecases.propose_deployment import BranchMissing, NothingToDeploy, ProposeDeployment, Unchanged


@dataclass(frozen=True)
class DeployEnvironment:
    """What people ask for with `deploy`; only a push environment really starts something."""

    settings: Settings
    code_host: CodeHost
    deployments: Deployments
    environments: Environments
    events: Events
    collect: CollectChangeset
    propose: ProposeDeployment
    obstacles: Obstacles
    announce: Announce
    people: People

    def __call__(self, app: str, environment: str, actor: Actor, *, confirmed: bool, message_key: str = "") -> Answer:
        """Open or refresh the deployment pull request; deploy the head of a push environment.

        Args:
            message_key: key of the Slack message that will carry the answer.
        """
        if self._environment(app, environment).deploy_on == "push":
            return self._push(app, environment, actor, confirmed=confirmed)
        result = self.propose(app, environment, actor, create_branch=confirmed, message_key=message_key)
        self._adopt(app, environment)
        if isinstance(result, BranchMissing):
            start = result.start
            return messages.branch_missing(app, environment, result.branch, result.source, start.sha, start.title)
        word = type(result).__name__
        self.events.record(Event(actor, "deploy", "done", app, environment, detail={"result": word}))
        if isinstance(result, NothingToDeploy):
            return self._nothing(result.changeset)
        closed = self.obstacles.closed(app, environment)
        return messages.proposed(
            "Nothing new in" if isinstance(result, Unchanged) else word,
            result.pull_request.url,
            result.pull_request.number,
            result.changeset,
            self.people.names(),
            mention=self._environment(app, environment).verification.mention,
            closed=closed.fact if closed else "",
        )

    def _nothing(self, changeset: Changeset) -> Answer:
        app, environment = changeset.app, changeset.environment
        recorded = self.deployments.history(app=app, environment=environment, limit=50)
        newest = next((each for each in recorded if each.outcome is not Outcome.SKIPPED), None)
        forward = next(
            (each for each in recorded if each.outcome is Outcome.SUCCEEDED and each.kind is not Kind.ROLLBACK), None
        )
        running = self.deployments.last_succeeded(app, environment)
        is_ahead = forward and running and forward.source_commit != running.source_commit
        return messages.nothing_to_deploy(changeset, running, newest, forward.number if forward and is_ahead else None)

    def diff(self, app: str, environment: str) -> Answer:
        """What `deploy` would bring."""
        mention = self._environment(app, environment).verification.mention
        return messages.diff(self.collect(app, environment), self.people.names(), mention)

    def _push(self, app: str, environment: str, actor: Actor, *, confirmed: bool) -> Answer:
        repository = self.settings.apps[app].repository
        branch = self._environment(app, environment).branches[0]
        head = self.code_host.branch_head(repository, branch)
        if head is None:
            raise Refused("branch_missing", f"{repository} has no branch {branch}.", "Push it first.")
        self.obstacles.refuse_if_closed(app, environment)
        running = self.deployments.last_succeeded(app, environment)
        if running and running.commit == head:
            return Answer(f"{app} {environment} runs {short(head)} already, the head of `{branch}`.")
        if not confirmed:
            question = f"Deploy {short(head)}, the head of `{branch}`, to {app} {environment} now?"
            return Answer(question, question=question, command=f"deploy {environment} {app}")
        self.environments.adopt(app, environment, branch, head)
        base = running.source_commit if running else None
        created = self.deployments.create(NewDeployment(app, environment, Kind.PUSH, head, head, base, None, (), actor))
        if created is None:
            raise Refused(
                "already_deployed",
                f"{short(head)} was deployed to {environment} before.",
                f"`@tengu retry {environment} {app}` tries a failed one again; `@tengu status {environment} {app}`",
            )
        self.events.record(Event(actor, "deploy", "done", app, environment, created.number))
        self.announce(created)
        return Answer(f"Deployment {created.number} brings {short(head)} to {app} {environment}.")

    def _adopt(self, app: str, environment: str) -> None:
        """The first `deploy` is the first sight: what is on the branch now was not Tengu's."""
        branch = self._environment(app, environment).branches[0]
        head = self.code_host.branch_head(self.settings.apps[app].repository, branch)
        if head:
            self.environments.adopt(app, environment, branch, head)

    def _environment(self, app: str, environment: str) -> Environment:
        return self.settings.apps[app].environments[environment]

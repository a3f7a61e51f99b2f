"""At the merge: what exactly does this deployment bring?

The changeset is computed once more with the source head that was merged. A pull request that slipped in seconds
before is added to body and boxes, and said in Slack.
"""

from __future__ import annotations

from dataclasses import dataclass

from tengu.config.model import Settings
from tengu.domain.message import Message
from tengu.domain.messages import proposal as messages
from tengu.ports.code_host import CodeHost, PullRequest
from tengu.ports.store import Destination, Environments, Outbox, Verifications
from tengu.usecases.propose_deployment import ProposeDeployment


@dataclass(frozen=True)
class Settled:
    """What the merge brings: its source commit and the numbers of its merged pull requests."""

    source_commit: str
    items: tuple[int, ...]


@dataclass(frozen=True)
class SettleMerge:
    """Callable with the merged pull request; safe to run again."""

    settings: Settings
    code_host: CodeHost
    environments: Environments
    verifications: Verifications
    outbox: Outbox
    propose: ProposeDeployment

    def __call__(self, app: str, environment: str, merged: PullRequest, base: str | None) -> Settled:
        """Settle it.

        Args:
            base: source commit that runs; None where nothing was deployed yet.

        Raises:
            ServiceError: GitHub could not be asked.
        """
        settings = self.settings.apps[app].environments[environment]
        if merged.head != settings.source:
            return Settled(base or self._common(app, settings.source, merged), ())
        known = self.environments.pull_request(app, environment, merged.number)
        before = {item.item for item in self.verifications.items(app, environment, merged.number) if item.listed}
        items = self.propose.settle(app, environment, merged, base or self._before(app, environment, merged))
        added = sorted(set(items) - before)
        if added and known:
            self._say(app, environment, merged, added, known.message_key)
        return Settled(merged.head_sha, items)

    def _before(self, app: str, environment: str, merged: PullRequest) -> str:
        """Where no deployment succeeded yet: the deployment branch's head before the first merge that Tengu saw."""
        branch = self.settings.apps[app].environments[environment].branches[0]
        if adopted := self.environments.adopted(app, environment, branch):
            return adopted
        commit = self.code_host.commit(self.settings.apps[app].repository, merged.merge_commit or merged.head_sha)
        return commit.parents[0]

    def _common(self, app: str, source: str, merged: PullRequest) -> str:
        """A pull request from elsewhere (a hotfix): as far as the source branch is in it."""
        return self.code_host.compare(self.settings.apps[app].repository, source, merged.head_sha).merge_base

    def _say(self, app: str, environment: str, merged: PullRequest, added: list[int], message_key: str) -> None:
        destination = Destination(channel=self.settings.apps[app].channel, thread_of=message_key)
        text = messages.slipped_in(merged.number, merged.url, added)
        self.outbox.put(f"slipped-in:{app}/{environment}/{merged.number}", destination, Message(text))

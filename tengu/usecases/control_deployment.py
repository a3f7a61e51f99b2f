"""`cancel`, `resume` and `retry`: act on the deployments of one environment."""

from __future__ import annotations

from dataclasses import dataclass

from tengu.domain.answer import Answer
from tengu.domain.deployment import Deployment, Kind, NewDeployment, Outcome, State
from tengu.domain.messages.words import short
from tengu.domain.people import Actor
from tengu.errors import Refused
from tengu.ports.store import Deployments, Event, Events
from tengu.usecases.announce import Announce
from tengu.usecases.obstacles import Obstacles


@dataclass(frozen=True)
class ControlDeployment:
    """Requests are recorded at once; the running worker obeys at its next safe point."""

    deployments: Deployments
    events: Events
    obstacles: Obstacles
    announce: Announce

    def cancel(self, app: str, environment: str, actor: Actor) -> Answer:
        """Stop the running deployment, or take back the newest that waits or is held.

        Raises:
            Refused: there is none.
        """
        running = self.deployments.in_lane(app, environment)
        if running and running.state is State.RUNNING:
            cancelling = self.deployments.request_cancel(running.number, actor)
            if cancelling:
                self._record(actor, "cancel", cancelling)
                return Answer(
                    f"Cancelling deployment {running.number}: it stops at the next safe point, services that changed "
                    f"go back, and {environment} stays taken until that is done."
                )
        for waiting in reversed(
            (*self.deployments.held(app, environment), *self.deployments.waiting(app, environment))
        ):
            reason = f"{self.obstacles.people.plain(actor)} cancelled it before it started."
            ended = self.deployments.end_unstarted(waiting.number, Outcome.CANCELLED, "cancelled", reason)
            if ended:
                self._record(actor, "cancel", ended)
                return Answer(f"Deployment {ended.number} is cancelled; it had not started.")
        raise Refused(
            "nothing_to_cancel",
            f"Nothing runs or waits in {app} {environment}.",
            f"`@tengu status {environment} {app}`",
        )

    def resume(self, app: str, environment: str, actor: Actor) -> Answer:
        """Start the newest held deployment; older held ones are contained in it.

        Raises:
            Refused: nothing is held, or a lock or a freeze is in force.
        """
        held = self.deployments.held(app, environment)
        if not held:
            raise Refused(
                "nothing_held", f"Nothing is held in {app} {environment}.", f"`@tengu status {environment} {app}`"
            )
        self.obstacles.refuse_if_closed(app, environment)
        resumed = self.deployments.resume(held[-1].number)
        if resumed is None:
            raise Refused("nothing_held", f"Deployment {held[-1].number} is not held any more.")
        for older in held[:-1]:
            reason = f"Deployment {resumed.number} contains it."
            if skipped := self.deployments.end_unstarted(older.number, Outcome.SKIPPED, "newer_merge", reason):
                self.announce(skipped)
        self._record(actor, "resume", resumed)
        return Answer(f"Deployment {resumed.number} starts; it brings {short(resumed.commit)} to {environment}.")

    def retry(self, app: str, environment: str, actor: Actor) -> Answer:
        """A new deployment of the last failed one's commit.

        One whose outcome is unknown gives its lane up; a newer merge that waited for it starts in its place.

        Raises:
            Refused: the last one did not fail, or something runs, or a lock or a freeze is in force.
        """
        failed = self._stuck(app, environment) or self._to_retry(app, environment)
        self.obstacles.refuse_if_closed(app, environment)
        waiting = self.deployments.waiting(app, environment)
        if failed.outcome is Outcome.UNKNOWN:
            self.deployments.release_lane(failed.number)
            if waiting and failed.kind is not Kind.ROLLBACK:
                self._record(actor, "retry", waiting[-1])
                return Answer(
                    f"Deployment {waiting[-1].number}, which waited, contains what deployment {failed.number} was to "
                    f"bring to {environment}; it starts now."
                )
        repeated = self.deployments.create(
            NewDeployment(
                app,
                environment,
                Kind.ROLLBACK if failed.kind is Kind.ROLLBACK else Kind.RETRY,
                failed.commit,
                failed.source_commit,
                failed.base,
                failed.pull_request,
                failed.items,
                actor,
                failed.target if failed.kind is Kind.ROLLBACK else failed.number,
            )
        )
        if repeated is None:
            raise Refused("already_deploying", f"{short(failed.commit)} is being deployed to {environment} already.")
        self._record(actor, "retry", repeated)
        return Answer(
            f"Deployment {repeated.number} tries {short(failed.commit)} again, which deployment {failed.number} could "
            f"not bring to {environment}. What was finished (image, migration) is taken over."
        )

    def _stuck(self, app: str, environment: str) -> Deployment | None:
        """The one that ended as unknown and keeps the lane."""
        owner = self.deployments.in_lane(app, environment)
        return owner if owner and owner.state is State.ENDED else None

    def _to_retry(self, app: str, environment: str) -> Deployment:
        recorded = self.deployments.history(app=app, environment=environment, limit=20)
        last = next((each for each in recorded if each.outcome is not Outcome.SKIPPED), None)
        status = f"`@tengu status {environment} {app}`"
        if last is None:
            raise Refused(
                "nothing_to_retry",
                f"Nothing was deployed to {app} {environment} yet.",
                f"`@tengu deploy {environment} {app}`",
            )
        if last.state is not State.ENDED:
            raise Refused("still_running", f"Deployment {last.number} is {last.state.value}.", status)
        if last.outcome is Outcome.SUCCEEDED:
            raise Refused(
                "nothing_to_retry", f"The last deployment of {app} {environment}, {last.number}, succeeded.", status
            )
        return last

    def _record(self, actor: Actor, action: str, deployment: Deployment) -> None:
        self.events.record(Event(actor, action, "done", *deployment.lane, deployment.number))
        self.announce(deployment)

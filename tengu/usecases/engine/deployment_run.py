"""One run of one deployment: from the claim to a verdict, or to the moment the lease is lost."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tengu.config.model import App, Environment, Settings
from tengu.domain.deployment import Deployment, Kind, Outcome, StepName, StepState
from tengu.errors import LeaseLost, ServiceError
from tengu.ports.store import Deployments
from tengu.usecases.announce import plan
from tengu.usecases.engine.held_lease import HeldLease
from tengu.usecases.engine.reporter import Reporter
from tengu.usecases.engine.step_context import RunningStep
from tengu.usecases.engine.verdict import Verdict, judge, succeeded
from tengu.usecases.step import StepContext, StepFunction, StepResult

OnStart = Callable[[Deployment], tuple[str, str] | None]
_MOST_TAKEOVERS = 3
_TAKEN_OVER = (StepName.CHECKOUT, StepName.BUILD, StepName.MIGRATE)


@dataclass(frozen=True)
class Pauses:
    """All in seconds.

    Args:
        patience: how long a step is tried again while an outside service is away.
        first, longest: between two tries.
        report: between two reports of a deployment's progress.
    """

    patience: float = 600.0
    first: float = 2.0
    longest: float = 30.0
    report: float = 1.0


@dataclass(frozen=True)
class DeploymentRun:
    """What a run needs; see AdvanceDeployment for the arguments' meaning."""

    settings: Settings
    deployments: Deployments
    steps: Mapping[StepName, StepFunction]
    on_start: OnStart
    pauses: Pauses
    folder: Path
    held: HeldLease
    reporter: Reporter

    def to_the_end(self) -> Deployment:
        """Run every step that is not finished, and record the outcome.

        Returns:
            The deployment, ended or held.

        Raises:
            LeaseLost: another process goes on, or will.
        """
        self.reporter.changed()
        verdict = self._too_often() or self._not_configured()
        if verdict is None and not self.held.deployment.steps:
            hold = self._ask_to_start()
            if hold is not None:
                return self.held.write(lambda lease: self.deployments.hold(lease, *hold))
            self._take_over_steps()
        end = verdict or self._run_steps()
        return self.held.write(lambda lease: self.deployments.finish(lease, end.outcome, end.code, end.reason))

    def _run_steps(self) -> Verdict:
        for name in plan(self.settings, self.held.deployment):
            step = self.held.deployment.step(name)
            if step is None or step.state not in (StepState.DONE, StepState.SKIPPED):
                verdict = self._run_step(name)
                self.reporter.changed()
                if verdict is not None:
                    return verdict
        return succeeded(self.held.deployment)

    def _run_step(self, name: StepName) -> Verdict | None:
        try:
            if name is not StepName.CHECK:  # by then it is too late to cancel without going back
                self.held.guard()
            self.held.write(lambda lease: self.deployments.start_step(lease, name))
            self.reporter.changed()
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            result = self._patiently(self._context(name), self.steps[name])
        except LeaseLost:
            raise
        except Exception as error:  # noqa: BLE001  # the boundary of a step: each exception has a verdict
            verdict = judge(error, self.held.deployment, name)
            self._record_failure(name, verdict)
            return verdict
        self._record_end(name, result)
        return None

    def _patiently(self, context: StepContext, function: StepFunction) -> StepResult:
        """Run a step again and again while an outside service is away, for a bounded time."""
        give_up_at: float | None = None
        pause = self.pauses.first
        while True:
            try:
                return function(context)
            except ServiceError as error:
                give_up_at = give_up_at or time.monotonic() + self.pauses.patience
                wait = max(error.retry_after or 0.0, pause * random.uniform(0.5, 1.5))  # noqa: S311  # jitter
                if not error.transient or time.monotonic() + wait > give_up_at:
                    raise
                context.note({}, f"{error} Trying again.")
                context.log(str(error))
            context.sleep(wait)
            pause = min(pause * 2, self.pauses.longest)

    def _record_failure(self, name: StepName, verdict: Verdict) -> None:
        if self.held.deployment.step(name) is None:
            return  # cancelled before it began
        if verdict.facts:
            self.held.write(lambda lease: self.deployments.note(lease, name, verdict.facts))
        self.held.write(lambda lease: self.deployments.fail_step(lease, name, verdict.reason))

    def _record_end(self, name: StepName, result: StepResult) -> None:
        if result.skipped:
            self.held.write(lambda lease: self.deployments.skip_step(lease, name, result.detail))
        else:
            self.held.write(lambda lease: self.deployments.finish_step(lease, name, result.output, result.detail))

    def _ask_to_start(self) -> tuple[str, str] | None:
        give_up_at = time.monotonic() + self.pauses.patience
        while True:
            try:
                return self.on_start(self.held.deployment)
            except ServiceError as error:
                if not error.transient or time.monotonic() > give_up_at:
                    return "not_checked", f"Whether it may start could not be checked. {error}"
            if self.held.stop.wait(self.pauses.first):
                raise LeaseLost

    def _take_over_steps(self) -> None:
        """A retry takes over what the deployment it repeats had finished."""
        target = self.held.deployment.target
        repeated = self.deployments.get(target) if self.held.deployment.kind is Kind.RETRY and target else None
        for step in repeated.steps if repeated else ():
            if step.name in _TAKEN_OVER and step.state is StepState.DONE:
                self._record_end(step.name, StepResult(step.output, f"taken over from deployment {target}"))

    def _too_often(self) -> Verdict | None:
        takeovers = self.held.lease.takeovers
        if takeovers <= _MOST_TAKEOVERS:
            return None
        running = [step.name.value for step in self.held.deployment.steps if step.state is StepState.RUNNING]
        step = running[-1] if running else "its start"
        reason = f"{takeovers} processes in a row ended while they worked on {step}; what it did is not known."
        return Verdict(Outcome.UNKNOWN, "taken_over_too_often", reason)

    def _not_configured(self) -> Verdict | None:
        deployment = self.held.deployment
        app = self.settings.apps.get(deployment.app)
        if app is not None and deployment.environment in app.environments:
            return None
        outcome = Outcome.UNKNOWN if deployment.step(StepName.ROLL_OUT) else Outcome.FAILED
        reason = f"tengu.yml no longer has the environment {deployment.environment} of {deployment.app}."
        return Verdict(outcome, "not_configured", reason)

    def _context(self, name: StepName) -> RunningStep:
        app, environment = self._configuration()
        return RunningStep(name, app, environment, self.folder, self.deployments, self.held, self.reporter)

    def _configuration(self) -> tuple[App, Environment]:
        app = self.settings.apps[self.held.deployment.app]
        return app, app.environments[self.held.deployment.environment]

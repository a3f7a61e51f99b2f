"""The step `migrate`: one task on the new revision runs to its end before any service changes. Never twice."""

from __future__ import annotations

from datetime import datetime, timedelta

from tengu.config.model import Migrate, Service
from tengu.domain.container_service import ServiceRef, TaskFacts, short
from tengu.domain.deployment import Kind
from tengu.domain.migration import TaskEnd, TaskVerdict, judge_task
from tengu.errors import CancelRequested, OutcomeUnknown, ServiceError, StepFailed
from tengu.ports.clock import Clock
from tengu.ports.container_service import ContainerService, ContainerServices, OneOffTask
from tengu.usecases.step import StepContext, StepResult
from tengu.usecases.steps.pace import Pace, Waits
from tengu.usecases.steps.revisions import plan, pushed_image, ref_of
from tengu.usecases.steps.start_rollout import register

LOG_LINES = 20
TIME_TO_STOP = timedelta(minutes=3)  # ECS kills a container 120 s after StopTask at the latest on Fargate
# ECS lists stopped tasks for an hour at least; after that, not to find one does not mean that it never ran.
ECS_REMEMBERS = timedelta(minutes=50)


class RunMigration:
    """The step.

    Args:
        services: ECS for any environment.
        pace: how often to look.
    """

    def __init__(self, services: ContainerServices, clock: Clock, pace: Pace | None = None) -> None:
        self._services = services
        self._clock = clock
        self._pace = pace or Pace()

    def __call__(self, context: StepContext) -> StepResult:
        """Run it, if one is configured; rollbacks have none.

        Returns:
            output `{"task": ARN, "task_definition": ARN}`.

        Raises:
            StepFailed: its container failed, never ran to an end, or took too long. No service has changed.
            OutcomeUnknown: ECS forgot how it ended, or could not be asked.
            CancelRequested: cancelled; the task was stopped.
        """
        migrate = context.environment.migrate
        if migrate is None or context.deployment.kind is Kind.ROLLBACK:
            return StepResult(detail="no migration", skipped=True)
        environment = context.environment
        ecs = self._services.for_environment(environment.region, environment.role_arn)
        return _Run(context, ecs, migrate, self._clock, self._pace).run()


class _Run:
    def __init__(self, context: StepContext, ecs: ContainerService, migrate: Migrate, clock: Clock, pace: Pace) -> None:
        self._context = context
        self._ecs = ecs
        self._migrate = migrate
        self._waits = Waits(context, clock, pace)
        self._stopping = Waits(context, clock, pace, cancellable=False)
        self._ref = ServiceRef(migrate.cluster, migrate.service)

    def run(self) -> StepResult:
        deadline = self._read_deadline()
        revision = self._context.memo.get("task_definition") or self._waits.patiently(self._register, deadline)
        self._context.note({"task_definition": revision}, f"{short(revision)} is registered")
        arn = self._context.memo.get("task") or self._start(revision, deadline)
        self._context.note({"task": arn}, f"{' '.join(self._migrate.command)} is running")
        try:
            verdict = self._wait(arn, deadline)
        except CancelRequested:
            self._stop(arn, "cancelled")
            raise
        last = self._log_lines(revision, arn)
        if verdict.end is TaskEnd.UNKNOWN:
            raise OutcomeUnknown("migration_unknown", f"The migration may have run: {verdict.reason}")
        if verdict.end is TaskEnd.RUNNING:
            self._stop(arn, "time-out")
            raise StepFailed(
                "migration_timeout", "The migration did not end in time and was stopped. No service changed."
            )
        if verdict.end is TaskEnd.FAILED:
            raise StepFailed("migration_failed", f"The migration failed: {verdict.reason}{last} No service changed.")
        self._stop_sidecars(arn)
        return StepResult({"task": arn, "task_definition": revision}, verdict.reason)

    def _register(self) -> str:
        service = self._service()
        image = pushed_image(self._context)
        planned = plan(self._ecs, self._context, service, self._ecs.services([self._ref])[self._ref], image.reference)
        return register(self._ecs, self._context, self._waits, planned)

    def _service(self) -> Service:
        """The service it is like; one that is not rolled out itself takes the image in the container that migrates."""
        configured = {ref_of(service): service for service in self._context.environment.services}
        migrate = self._migrate
        alone = Service(cluster=migrate.cluster, service=migrate.service, containers=(migrate.container,))
        return configured.get(self._ref, alone)

    # --- starting it once ---------------------------------------------------------------------------------------

    def _start(self, revision: str, deadline: datetime) -> str:
        """ARN of the task: the one that was started already, also when the answer to RunTask was lost."""
        deployment = self._context.deployment
        task = OneOffTask(
            like=self._ref,
            task_definition=revision,
            container=self._migrate.container,
            command=self._migrate.command,
            # The commit keeps a database that was set up anew, and counts from 1 again, from finding an old task.
            token=f"tengu-{deployment.number}-{deployment.commit[:12]}",
        )
        return self._waits.patiently(lambda: self._find_or_run(task), deadline)

    def _find_or_run(self, task: OneOffTask) -> str:
        asked = self._context.memo.get("asked")
        if asked is not None:
            family = short(task.task_definition).rpartition(":")[0]
            found = self._ecs.find_tasks(self._ref.cluster, family, task.token)
            if found:
                return found[0].arn
            if self._waits.now() - datetime.fromisoformat(asked) > ECS_REMEMBERS:
                raise OutcomeUnknown("migration_unknown", "The migration may have run: ECS no longer knows its task.")
        else:
            self._context.note({"asked": self._waits.now().isoformat()}, "starting the migration")
        self._waits.guard()
        self._context.log(f"RunTask {short(task.task_definition)}: {' '.join(task.command)}")
        return self._ecs.run_task(task).arn

    # --- waiting for its end ------------------------------------------------------------------------------------

    def _wait(self, arn: str, deadline: datetime) -> TaskVerdict:
        self._waits.restart()
        while True:
            self._waits.guard()
            try:
                verdict = judge_task(self._task(arn), self._migrate.container)
                if verdict.end is not TaskEnd.RUNNING or self._waits.now() >= deadline:
                    return verdict
            except ServiceError as error:
                self._context.note({}, f"{error} Asking again.")
                if self._waits.now() >= deadline:
                    raise OutcomeUnknown("migration_unknown", f"The migration was started, but: {error}") from error
            self._waits.sleep()

    def _task(self, arn: str) -> TaskFacts | None:
        return self._ecs.task(self._ref.cluster, arn)

    def _stop(self, arn: str, why: str) -> None:
        """Stop it and wait until it has stopped.

        Raises:
            OutcomeUnknown: it was not seen to stop.
        """
        deadline = self._waits.now() + TIME_TO_STOP
        reason = f"Tengu deployment {self._context.deployment.number}: {why}"
        try:
            self._stopping.patiently(lambda: self._ecs.stop_task(self._ref.cluster, arn, reason), deadline)
            while self._waits.now() < deadline:
                task = self._stopping.patiently(lambda: self._task(arn), deadline)
                if task is None or task.stopped:
                    return
                self._stopping.sleep()
        except ServiceError as error:
            raise OutcomeUnknown("migration_unknown", f"The migration was to be stopped, but: {error}") from error
        raise OutcomeUnknown("migration_unknown", "The migration was told to stop and is still running.")

    def _stop_sidecars(self, arn: str) -> None:
        """The work is done; a task whose sidecar would run on is stopped, and nobody waits for it."""
        try:
            task = self._task(arn)
            if task is not None and not task.stopped:
                self._ecs.stop_task(self._ref.cluster, arn, "The migration is done")
        except ServiceError as error:
            self._context.log(f"the finished migration's task could not be stopped: {error}")

    def _log_lines(self, revision: str, arn: str) -> str:
        """Put what it wrote into the log; answers with a sentence about the last lines, or nothing.

        Two lines: an error on stderr may be logged before a line that was printed to stdout earlier.
        """
        try:
            definition = self._ecs.task_definition(revision)
        except ServiceError as error:
            self._context.log(f"the migration's log cannot be read: {error}")
            return ""
        lines = self._ecs.log_tail(definition, self._migrate.container, arn, LOG_LINES)
        for line in lines:
            self._context.log(f"migrate | {line}")
        last = " / ".join(line[:200] for line in lines[-2:])
        return f" It last wrote: {last}" if last else ""

    def _read_deadline(self) -> datetime:
        noted = self._context.memo.get("deadline")
        if noted is None:
            deadline = self._waits.now() + self._migrate.timeout
            self._context.note({"deadline": deadline.isoformat()})
            return deadline
        return datetime.fromisoformat(noted)

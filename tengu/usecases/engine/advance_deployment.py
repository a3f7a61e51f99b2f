"""The engine: claims one deployment and runs it until it has an outcome.

Any number of threads and processes may call it at once; the lane, the lease and the token in the database keep
them apart. Whatever happens to this process, another one goes on from the step that was not finished.
"""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from tengu.config.model import Settings
from tengu.domain.deployment import Deployment, State, StepName
from tengu.errors import LeaseLost
from tengu.ports.store import DeploymentLogs, Deployments
from tengu.usecases.engine.deployment_run import DeploymentRun, OnStart, Pauses
from tengu.usecases.engine.held_lease import HeldLease
from tengu.usecases.engine.reporter import OnChange, Reporter
from tengu.usecases.step import StepFunction

_log = logging.getLogger(__name__)


class AdvanceDeployment:
    """Callable; one call runs at most one deployment, to its end.

    Args:
        steps: what each step does.
        owner: name of this process, for people who look who runs a deployment.
        work_folder: each deployment gets a folder below it.
        on_start: asked once before the first step; answers (code, reason) to hold the deployment instead.
        on_change: hears of every change; of the end until it has returned once without an exception.
        lease: how long a claim lasts without a renewal.
    """

    def __init__(
        self,
        settings: Settings,
        deployments: Deployments,
        logs: DeploymentLogs,
        steps: Mapping[StepName, StepFunction],
        *,
        owner: str,
        work_folder: Path,
        on_start: OnStart,
        on_change: OnChange,
        lease: timedelta = timedelta(seconds=45),
        pauses: Pauses | None = None,
    ) -> None:
        self._settings = settings
        self._deployments = deployments
        self._logs = logs
        self._steps = steps
        self._owner = owner
        self._work_folder = work_folder
        self._on_start = on_start
        self._on_change = on_change
        self._lease = lease
        self._pauses = pauses or Pauses()
        self._closing = False
        self._running: set[HeldLease] = set()
        self._registry = threading.Lock()

    def __call__(self) -> bool:
        """Run one deployment to its end, if one may run.

        Returns:
            False if there was nothing to do.

        Raises:
            ServiceError: the database is away; what was running is taken up again when it is back.
        """
        if self._closing:
            return False
        for ended in self._deployments.untold():
            self._tell(ended)
        claimed_at = time.monotonic()
        claimed = self._deployments.claim(self._owner, self._lease)
        if claimed is None:
            return False
        held = HeldLease(self._deployments, *claimed, self._lease, claimed_at)
        try:
            deployment = self._run(held)
        except LeaseLost as lost:
            _log.warning("deployment %s is left to whoever claims it next: %s", held.lease.number, lost or "stopped")
            return True
        self._tell(deployment)
        if deployment.state is State.ENDED:
            shutil.rmtree(self._folder(deployment.number), ignore_errors=True)
        return True

    def hand_over(self) -> None:
        """Stop every run at its next safe point and let another process go on from there. Returns at once."""
        with self._registry:
            self._closing = True
            for held in self._running:
                held.hand_over()

    def prune_work_folders(self) -> None:
        """Remove the folders of deployments that ended elsewhere, or just before a crash."""
        folders = self._work_folder.iterdir() if self._work_folder.exists() else ()
        for folder in folders:
            deployment = self._deployments.get(int(folder.name)) if folder.name.isdecimal() else None
            if deployment is not None and deployment.state is State.ENDED:
                shutil.rmtree(folder, ignore_errors=True)

    def _run(self, held: HeldLease) -> Deployment:
        number = held.lease.number
        self._register(held)
        try:
            with (
                held,
                Reporter(number, self._deployments, self._logs, self._on_change, self._pauses.report) as reporter,
            ):
                return DeploymentRun(
                    self._settings, self._deployments, self._steps, self._on_start, self._pauses,
                    self._folder(number), held, reporter,
                ).to_the_end()  # fmt: skip
        except LeaseLost:
            if held.handing_over:
                self._deployments.hand_over(held.lease)
            raise
        finally:
            with self._registry:
                self._running.discard(held)

    def _register(self, held: HeldLease) -> None:
        with self._registry:
            self._running.add(held)
            if self._closing:
                held.hand_over()

    def _tell(self, deployment: Deployment) -> None:
        try:
            self._on_change(deployment)
        except Exception:  # noqa: BLE001  # what people are told never decides over a deployment; told again later
            _log.exception("deployment %s: people could not be told", deployment.number)
            return
        if deployment.state is State.ENDED:
            self._deployments.told(deployment.number)

    def _folder(self, number: int) -> Path:
        return self._work_folder / str(number)

"""An engine on a real database whose steps are small functions of a test."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from tengu.adapters.postgres.database import Database
from tengu.adapters.postgres.store import store_on
from tengu.config.model import Settings
from tengu.domain.deployment import Deployment, Kind, NewDeployment, StepName
from tengu.domain.people import Actor
from tengu.ports.store import Store
from tengu.usecases.engine.advance_deployment import AdvanceDeployment
from tengu.usecases.engine.deployment_run import Pauses
from tengu.usecases.step import StepContext, StepFunction, StepResult

ALICE = Actor("slack", "U012ALICE")
SHORT = Pauses(patience=0.5, first=0.01, longest=0.02, report=0.01)
SERVICE = {"cluster": "c", "service": "web", "containers": ("app",)}
SETTINGS = Settings.model_validate(
    {
        "apps": {
            "web": {
                "repository": "acme/web",
                "channel": "C0DEPLOY",
                "environments": {
                    name: {
                        "branch": f"deployment/{name}",
                        "image": {"repository": "localhost:5000/web"},
                        "services": (SERVICE,),
                    }
                    for name in ("production", "staging")
                },
            }
        }
    }
)
ORDER = [StepName.CHECKOUT, StepName.BUILD, StepName.ROLL_OUT]


def merge(commit: str = "c1", environment: str = "production") -> NewDeployment:
    """A deployment to ask for."""
    return NewDeployment("web", environment, Kind.MERGE, commit, f"s-{commit}", None, 7, (), ALICE)


@dataclass
class EngineWorld:
    """Steps that record that they ran, and engines that run them."""

    database: Database
    folder: Path
    ran: list[tuple[int, StepName]] = field(default_factory=list)
    changes: list[Deployment] = field(default_factory=list)
    steps: dict[StepName, StepFunction] = field(default_factory=dict)
    store: Store = field(init=False)

    def __post_init__(self) -> None:
        self.store = store_on(self.database)
        for name in StepName:
            self.steps[name] = self._recording(name)

    def engine(
        self,
        owner: str = "one",
        lease: float = 30.0,
        on_start: Callable[[Deployment], tuple[str, str] | None] = lambda _: None,
        pauses: Pauses = SHORT,
        on_change: Callable[[Deployment], None] | None = None,
    ) -> AdvanceDeployment:
        """A new engine, as another process would have one."""
        return AdvanceDeployment(
            SETTINGS,
            self.store.deployments,
            self.store.logs,
            self.steps,
            owner=owner,
            work_folder=self.folder,
            on_start=on_start,
            on_change=on_change or self.changes.append,
            lease=timedelta(seconds=lease),
            pauses=pauses,
        )

    def step(self, name: StepName, function: Callable[[StepContext], StepResult | None]) -> None:
        """Let a step do this, after it was recorded."""
        record = self._recording(name)

        def both(context: StepContext) -> StepResult:
            result = record(context)
            return function(context) or result

        self.steps[name] = both

    def deployment(self, number: int = 1) -> Deployment:
        """As it is recorded now."""
        deployment = self.store.deployments.get(number)
        assert deployment is not None
        return deployment

    def _recording(self, name: StepName) -> StepFunction:
        def record(context: StepContext) -> StepResult:
            self.ran.append((context.deployment.number, name))
            return StepResult({"by": name.value}, f"{name.value} done")

        return record


class Gate:
    """A place where a step waits until the test lets it on."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self._open = threading.Event()

    def __call__(self, context: StepContext) -> None:
        """Wait here, guarded, as a step waits for something outside."""
        self.reached.set()
        while not self._open.is_set():
            context.sleep(0.01)

    def wait_until_reached(self) -> None:
        """Return once a step waits here."""
        assert self.reached.wait(10)

    def open(self) -> None:
        """Let it on."""
        self._open.set()

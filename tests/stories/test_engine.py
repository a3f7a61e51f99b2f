"""The engine on a real PostgreSQL: lanes, leases, takeovers, cancels, outcomes."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from tengu.adapters.postgres.database import Database
from tengu.domain.deployment import Deployment, Kind, Outcome, State, StepName, StepState
from tengu.errors import LeaseLost, OutcomeUnknown, Refused, ServiceError, StepFailed
from tengu.usecases.step import StepContext, StepResult
from tengu.usecases.steps.ended import Ended
from tests.stories.engine_world import ALICE, ORDER, SHORT, EngineWorld, Gate, merge


@pytest.fixture
def world(database: Database, tmp_path: Path) -> EngineWorld:
    return EngineWorld(database, tmp_path / "work")


def start(call: Callable[[], bool]) -> Future[bool]:
    """Run it in a thread of its own."""
    future: Future[bool] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except BaseException as error:  # noqa: BLE001  # handed on to whoever asks for the result
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future


def test_steps_run_in_order_and_their_output_is_kept(world: EngineWorld) -> None:
    world.store.deployments.create(merge())
    assert world.engine()()
    assert [name for _, name in world.ran] == ORDER
    deployment = world.deployment()
    assert (deployment.state, deployment.outcome) == (State.ENDED, Outcome.SUCCEEDED)
    assert deployment.output(StepName.BUILD) == {"by": "build"}
    assert not world.engine()()
    assert world.changes[-1] == deployment


def test_rollback_only_rolls_out(world: EngineWorld) -> None:
    world.store.deployments.create(replace(merge(), kind=Kind.ROLLBACK))
    world.engine()()
    assert [name for _, name in world.ran] == [StepName.ROLL_OUT]


def test_retry_takes_over_what_was_finished(world: EngineWorld) -> None:
    def fail(context: StepContext) -> None:
        if context.deployment.number == 1:
            raise StepFailed("rollout_failed", "Tasks of web stopped: exit code 1.")

    world.step(StepName.ROLL_OUT, fail)
    world.store.deployments.create(merge())
    world.engine()()
    assert (world.deployment().outcome, world.deployment().code) == (Outcome.FAILED, "rollout_failed")
    world.store.deployments.create(replace(merge(), kind=Kind.RETRY, target=1))
    world.ran.clear()
    world.engine()()
    assert world.ran == [(2, StepName.ROLL_OUT)]
    build = world.deployment(2).step(StepName.BUILD)
    assert build is not None
    assert (build.output, build.detail) == ({"by": "build"}, "taken over from deployment 1")


@pytest.mark.parametrize(
    ("error", "outcome", "code", "reason"),
    [
        (StepFailed("build_failed", "The build failed."), Outcome.FAILED, "build_failed", "The build failed."),
        (OutcomeUnknown("forgotten", "ECS forgot it."), Outcome.UNKNOWN, "forgotten", "ECS forgot it."),
        (Ended(Outcome.ROLLED_BACK, "rollout_failed", "Back."), Outcome.ROLLED_BACK, "rollout_failed", "Back."),
        (Refused("no_role", "No role.", "Add it."), Outcome.FAILED, "no_role", "No role. Add it."),
        (
            ServiceError("AWS ECS", "RunTask", "denied.", advice="Allow it."),
            Outcome.FAILED,
            "service_failed",
            "AWS ECS could not do RunTask: denied. Allow it.",
        ),
    ],
)
def test_step_that_ends_badly_decides_the_outcome(
    world: EngineWorld, error: Exception, outcome: Outcome, code: str, reason: str
) -> None:
    def fail(_: StepContext) -> None:
        raise error

    world.step(StepName.BUILD, fail)
    world.store.deployments.create(merge())
    world.engine()()
    deployment = world.deployment()
    step = deployment.step(StepName.BUILD)
    assert (deployment.outcome, deployment.code, deployment.reason) == (outcome, code, reason)
    assert step is not None
    assert (step.state, step.detail) == (StepState.FAILED, reason)
    assert (1, StepName.ROLL_OUT) not in world.ran


@pytest.mark.parametrize(("name", "outcome"), [("build", Outcome.FAILED), ("roll_out", Outcome.UNKNOWN)])
def test_bug_in_a_step_gives_a_reference_and_no_false_certainty(
    world: EngineWorld, caplog: pytest.LogCaptureFixture, name: str, outcome: Outcome
) -> None:
    def fail(_: StepContext) -> None:
        raise ZeroDivisionError("secret detail")

    world.step(StepName(name), fail)
    world.store.deployments.create(merge())
    world.engine()()
    deployment = world.deployment()
    reference = deployment.reason.rsplit(maxsplit=1)[-1].rstrip(".")
    assert deployment.outcome is outcome
    assert "secret" not in deployment.reason
    assert reference in caplog.text
    assert "ZeroDivisionError" in caplog.text


def test_service_that_comes_back_costs_only_time(world: EngineWorld) -> None:
    away = [True, True]

    def fetch(context: StepContext) -> None:
        if away:
            away.pop()
            raise ServiceError("GitHub", "GET /repos", "502", transient=True)

    world.step(StepName.CHECKOUT, fetch)
    world.store.deployments.create(merge())
    world.engine()()
    assert world.deployment().outcome is Outcome.SUCCEEDED
    assert "GitHub could not do GET /repos: 502" in [line.line for line in world.store.logs.read(1)]


def test_service_that_stays_away_fails_the_deployment(world: EngineWorld) -> None:
    def fetch(_: StepContext) -> None:
        raise ServiceError("GitHub", "GET /repos", "502", transient=True)

    world.step(StepName.CHECKOUT, fetch)
    world.store.deployments.create(merge())
    world.engine()()
    assert (world.deployment().outcome, world.deployment().code) == (Outcome.FAILED, "service_failed")


def test_deployment_that_may_not_start_is_held(world: EngineWorld) -> None:
    world.store.deployments.create(merge())
    world.engine(on_start=lambda _: ("environment_locked", "Locked by bob: incident."))()
    held = world.deployment()
    assert (held.state, held.code, world.ran) == (State.HELD, "environment_locked", [])
    assert world.changes[-1] == held
    world.store.deployments.resume(1)
    world.engine()()
    assert world.deployment().outcome is Outcome.SUCCEEDED


def test_start_that_cannot_be_checked_holds(world: EngineWorld) -> None:
    def ask(_: Deployment) -> None:
        raise ServiceError("Slack", "users.info", "invalid_auth.", advice="Check the token.")

    world.store.deployments.create(merge())
    world.engine(on_start=ask)()
    assert world.deployment().reason == (
        "Whether it may start could not be checked. "
        "Slack could not do users.info: invalid_auth. Check the token."
    )  # fmt: skip


def test_many_workers_never_overlap_in_a_lane_and_keep_its_order(world: EngineWorld) -> None:
    inside: dict[str, int] = {"production": 0, "staging": 0}
    overlaps: list[int] = []

    def roll_out(context: StepContext) -> None:
        name = context.deployment.environment
        inside[name] += 1
        overlaps.append(inside[name])
        context.guard()
        inside[name] -= 1

    world.step(StepName.ROLL_OUT, roll_out)
    for index in range(10):
        world.store.deployments.create(merge(f"c{index}", "production" if index % 2 else "staging"))
    engines = [world.engine(f"worker {index}") for index in range(4)]

    def work(index: int) -> None:
        while any(one.state is not State.ENDED for one in world.store.deployments.history(limit=50)):
            engines[index]()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    rolled_out = [number for number, name in world.ran if name is StepName.ROLL_OUT]
    assert overlaps == [1] * 10
    assert [n for n in rolled_out if n % 2] == [1, 3, 5, 7, 9]
    assert [n for n in rolled_out if not n % 2] == [2, 4, 6, 8, 10]


def test_cancel_stops_a_waiting_step_and_keeps_the_lane_until_then(world: EngineWorld) -> None:
    gate = Gate()
    world.step(StepName.BUILD, gate)
    world.store.deployments.create(merge("c1"))
    world.store.deployments.create(merge("c2"))
    run = start(world.engine())
    gate.wait_until_reached()
    world.store.deployments.request_cancel(1, ALICE)
    assert run.result(10)
    assert (world.deployment().outcome, world.deployment().reason) == (Outcome.CANCELLED, "No service was changed.")
    assert (1, StepName.ROLL_OUT) not in world.ran


def test_cancel_during_the_check_does_not_lie(world: EngineWorld) -> None:
    def roll_out(context: StepContext) -> None:
        world.store.deployments.request_cancel(1, ALICE)

    world.step(StepName.ROLL_OUT, roll_out)
    world.store.deployments.create(merge())
    world.engine()()
    assert world.deployment().outcome is Outcome.SUCCEEDED


def test_lease_is_kept_while_a_step_takes_longer_than_it(world: EngineWorld) -> None:
    gate = Gate()

    def build(context: StepContext) -> None:
        gate.reached.set()
        assert not context.stop.wait(1.0)

    world.step(StepName.BUILD, build)
    world.store.deployments.create(merge())
    run = start(world.engine(lease=0.6))
    gate.wait_until_reached()
    assert not world.engine("two")()
    assert run.result(10)
    assert world.deployment().outcome is Outcome.SUCCEEDED


def test_owner_that_cannot_renew_stops_before_the_next_one_begins(world: EngineWorld, database: Database) -> None:
    """The first owner's database is away: its own clock stops it, and another process goes on."""
    gate = Gate()
    stopped = threading.Event()

    def build(context: StepContext) -> None:
        if gate.reached.is_set():
            assert stopped.is_set()
            return
        context.note({"started": "build-1"})
        gate.reached.set()
        database.close()
        assert context.stop.wait(5)
        with pytest.raises(LeaseLost):
            context.guard()
        stopped.set()
        raise LeaseLost

    world.step(StepName.BUILD, build)
    world.store.deployments.create(merge())
    run = start(world.engine(lease=0.6))
    gate.wait_until_reached()
    second = Database(database.dsn)
    second.open()
    other = EngineWorld(second, world.folder, world.ran)
    other.steps = world.steps
    assert run.result(10)
    while not other.engine("two")():
        stopped.wait(0.05)
    deployment = other.deployment()
    step = deployment.step(StepName.BUILD)
    assert deployment.outcome is Outcome.SUCCEEDED
    assert step is not None
    assert step.memo == {"started": "build-1"}
    assert [name for _, name in world.ran] == [StepName.CHECKOUT, StepName.BUILD, StepName.BUILD, StepName.ROLL_OUT]
    second.close()


def test_fourth_takeover_without_progress_is_unknown_and_keeps_the_lane(world: EngineWorld, database: Database) -> None:
    def die(_: StepContext) -> StepResult:
        raise LeaseLost  # as far as the others can see, this process is gone

    world.steps[StepName.BUILD] = die
    world.store.deployments.create(merge("c1"))
    world.store.deployments.create(merge("c2"))
    for _ in range(5):
        assert world.engine()()
        with database.transaction("let the lease run out") as connection:
            connection.execute("UPDATE deployment SET lease_until = now() WHERE state = 'running'")
    deployment = world.deployment()
    assert (deployment.outcome, deployment.code) == (Outcome.UNKNOWN, "taken_over_too_often")
    assert "worked on build" in deployment.reason
    assert not world.engine()()


def test_shut_down_hands_over_at_once(world: EngineWorld) -> None:
    gate = Gate()
    world.step(StepName.BUILD, gate)
    world.store.deployments.create(merge())
    engine = world.engine()
    run = start(engine)
    gate.wait_until_reached()
    engine.hand_over()
    assert run.result(10)
    assert not engine()
    gate.open()
    assert world.engine("two")()
    assert world.deployment().outcome is Outcome.SUCCEEDED


def test_end_is_told_again_when_it_could_not_be_told(world: EngineWorld, database: Database) -> None:
    told: list[Outcome | None] = []

    def on_change(deployment: Deployment) -> None:
        if deployment.state is State.ENDED:
            told.append(deployment.outcome)
            if len(told) == 1:
                raise RuntimeError("Slack's message could not be stored")

    world.store.deployments.create(merge())
    engine = world.engine(pauses=replace(SHORT, report=60.0), on_change=on_change)
    engine()
    with database.transaction("let time pass") as connection:
        connection.execute("UPDATE deployment SET finished_at = finished_at - interval '1 minute'")
    engine()
    engine()
    assert told == [Outcome.SUCCEEDED, Outcome.SUCCEEDED]


def test_work_folder_is_removed_after_the_end(world: EngineWorld) -> None:
    seen: list[bool] = []

    def build(context: StepContext) -> None:
        (context.work_folder / "tree").mkdir()
        seen.append(context.work_folder.exists())

    world.step(StepName.BUILD, build)
    world.store.deployments.create(merge())
    world.engine()()
    assert seen == [True]
    assert not (world.folder / "1").exists()
    (world.folder / "1").mkdir()
    (world.folder / "99").mkdir()
    world.engine().prune_work_folders()
    assert [folder.name for folder in world.folder.iterdir()] == ["99"]


_WORKER = """
import sys
from pathlib import Path
from tengu.adapters.postgres.database import Database
from tests.stories.engine_world import EngineWorld
from tengu.domain.deployment import StepName

database = Database(sys.argv[1])
database.open()
world = EngineWorld(database, Path(sys.argv[2]))

def hang(context):
    context.note({"image": "web:1"}, "pushing")
    print("in", context.deployment.number, flush=True)
    context.stop.wait()

world.step(StepName(sys.argv[3]), hang)
world.engine("doomed", lease=1.0)()
"""


@pytest.mark.parametrize("name", ["checkout", "build", "roll_out"])
def test_killed_process_is_taken_over_from_its_step(
    world: EngineWorld, database: Database, tmp_path: Path, name: str
) -> None:
    world.store.deployments.create(merge())
    with subprocess.Popen(
        [sys.executable, "-c", _WORKER, database.dsn, str(tmp_path / "work"), name], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "in 1\n"
        process.kill()
    engine = world.engine("survivor")
    while not engine():
        threading.Event().wait(0.05)
    deployment = world.deployment()
    step = deployment.step(StepName(name))
    assert deployment.outcome is Outcome.SUCCEEDED
    assert [ran for _, ran in world.ran] == ORDER[ORDER.index(StepName(name)) :]
    assert step is not None
    assert step.memo == {"image": "web:1"}

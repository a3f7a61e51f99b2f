"""Stories of the steps migrate, roll_out and check on the AWS stand-in, without a container engine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import pytest

from tengu.adapters.aws.ecs import EcsContainerServices
from tengu.adapters.aws.session import Sessions
from tengu.config.model import Environment, Migrate
from tengu.domain.deployment import Deployment, Kind, Outcome, StepName
from tengu.errors import CancelRequested, LeaseLost, OutcomeUnknown, Refused, ServiceError, StepFailed
from tengu.ports.health import HealthAnswer
from tengu.sandbox.aws.cluster import create_cluster, create_service
from tengu.sandbox.aws.stand_in import AwsStandIn
from tengu.sandbox.faults import Fault
from tengu.usecases.steps.check import CheckHealth
from tengu.usecases.steps.ended import Ended
from tengu.usecases.steps.migrate import RunMigration
from tengu.usecases.steps.roll_out import RollOut
from tests.stand_ins.step_world import (
    COMMIT,
    QUICK,
    Context,
    Killed,
    RealClock,
    built,
    deployment,
    environment,
    finished,
)

GOOD, BAD = "sha256:" + "a" * 64, "sha256:" + "b" * 64
MIGRATE = Migrate(cluster="prod", service="web", container="app", command=("bin/migrate",))


@pytest.fixture(scope="module")
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AwsStandIn]:
    with AwsStandIn(tmp_path_factory.mktemp("aws"), None) as running:
        yield running


@pytest.fixture(scope="module")
def services(stand_in: AwsStandIn) -> EcsContainerServices:
    """One set of boto3 clients: making them takes longer than most stories."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in stand_in.environment.items():
            patch.setenv(name, value)
        made = EcsContainerServices(Sessions())
        made.for_environment(None, None)
    return made


class World:
    """The cluster, and the steps on it."""

    def __init__(self, stand_in: AwsStandIn, services: EcsContainerServices) -> None:
        self.aws = stand_in
        self.ecs = stand_in.client("ecs")
        self.history: dict[int, Deployment] = {}
        self.services = services
        create_cluster(stand_in, "prod")
        for name in ("web", "worker"):
            create_service(stand_in, "prod", name, "x/web:1", desired=2, sidecar="x/log:1")

    def roll_out(self, context: Context) -> Mapping[str, Any]:
        return RollOut(self.services, RealClock(), self.history.get, QUICK)(context).output

    def migrate(self, context: Context) -> Mapping[str, Any]:
        return RunMigration(self.services, RealClock(), QUICK)(context).output

    def runs(self) -> dict[str, str]:
        described = self.ecs.describe_services(cluster="prod", services=["web", "worker"])["services"]
        return {entry["serviceName"]: entry["taskDefinition"].rpartition("/")[2] for entry in described}


@pytest.fixture
def world(stand_in: AwsStandIn, services: EcsContainerServices) -> World:
    stand_in.reset()
    return World(stand_in, services)


def context(digest: str = GOOD, number: int = 7, configured: Environment | None = None) -> Context:
    return Context(built(deployment(number), "x/web", digest), configured or environment("web", "worker"))


# --- rolling out ----------------------------------------------------------------------------------------------


def test_every_service_runs_the_pinned_image(world: World) -> None:
    output = world.roll_out(context())
    assert world.runs() == {"web": "web:2", "worker": "worker:2"}
    first = output["services"][0]
    assert first["previous_task_definition"].endswith("web:1")
    assert (first["digest"], first["desired"], first["running"]) == (GOOD, 2, 2)
    definition = world.ecs.describe_task_definition(taskDefinition="web:2", include=["TAGS"])
    containers = definition["taskDefinition"]["containerDefinitions"]
    assert [entry["image"] for entry in containers] == [f"x/web@{GOOD}", "x/log:1"]
    assert {tag["key"]: tag["value"] for tag in definition["tags"]} == {
        "team": "sandbox",
        "tengu:app": "web",
        "tengu:deployment": "7",
        "tengu:environment": "production",
        "tengu:service": "prod/web",
    }


def test_the_same_image_again_changes_nothing(world: World) -> None:
    world.roll_out(context())
    world.aws.faults.clear()
    output = world.roll_out(context(number=8))
    assert world.runs() == {"web": "web:2", "worker": "worker:2"}
    assert world.aws.faults.count("ecs.UpdateService") == world.aws.faults.count("ecs.Register*") == 0
    assert "web: ran web:2 already." in output["notes"]


def test_desired_count_zero_is_said(world: World) -> None:
    world.ecs.update_service(cluster="prod", service="worker", desiredCount=0)
    assert "worker: nothing is running." in world.roll_out(context())["notes"]


def test_a_broken_image_goes_back_and_the_good_service_too(world: World) -> None:
    world.ecs.update_service(cluster="prod", service="worker", desiredCount=0)  # ends before web fails
    world.aws.simulation.broken = {BAD}
    with pytest.raises(Ended) as end:
        world.roll_out(context(BAD))
    assert end.value.outcome is Outcome.ROLLED_BACK
    assert "web: ECS gave up" in end.value.reason or "ECS went back to web:1" in end.value.reason
    assert world.runs() == {"web": "web:1", "worker": "worker:1"}


def test_without_a_breaker_s_rollback_tengu_goes_back(world: World) -> None:
    create_service(world.aws, "prod", "api", "x/web:1", breaker=False)
    world.aws.simulation.broken = {BAD}
    with pytest.raises(Ended) as end:
        world.roll_out(context(BAD, configured=environment("api")))
    assert end.value.outcome is Outcome.ROLLED_BACK
    assert "Everything is back as it was. Now api is on api:1 (as before" in end.value.reason


def test_rollback_on_failure_false_lists_the_mixed_state(world: World) -> None:
    create_service(world.aws, "prod", "api", "x/web:1", breaker=False)
    world.aws.simulation.broken = {BAD}
    with pytest.raises(Ended) as end:
        world.roll_out(context(BAD, configured=environment("api", "worker", rollback_on_failure=False)))
    assert end.value.outcome is Outcome.FAILED
    assert "Nothing was put back, because `rollback_on_failure` is false. Now api is on api:2 (new" in end.value.reason


def test_after_a_migration_nothing_goes_back_by_itself(world: World) -> None:
    create_service(world.aws, "prod", "api", "x/web:1", breaker=False)
    world.aws.simulation.broken = {BAD}
    one = context(BAD, configured=environment("api", migrate=MIGRATE))
    one.deployment = finished(one.deployment, StepName.MIGRATE, {"task": "t"})
    with pytest.raises(Ended, match="the migration ran") as end:
        world.roll_out(one)
    assert end.value.outcome is Outcome.FAILED


def test_somebody_else_deploys(world: World) -> None:
    def interfere(_call: str) -> None:
        world.ecs.register_task_definition(family="web", containerDefinitions=[{"name": "app", "image": "x/other"}])
        world.ecs.update_service(cluster="prod", service="web", taskDefinition="web:3")

    world.aws.faults.add(Fault("ecs.ListServiceDeployments", hook=interfere))
    world.aws.faults.add(Fault("ecs.ListTasks", status=500, times=2))
    with pytest.raises(Ended) as end:
        world.roll_out(context())
    assert end.value.outcome is Outcome.SUPERSEDED
    assert "another deployment (web:3) took the place" in end.value.reason


def test_cancel_puts_changed_services_back(world: World) -> None:
    one = context()
    world.aws.faults.add(Fault("ecs.ListServiceDeployments", hook=lambda _call: setattr(one, "cancelled", True)))
    world.aws.faults.add(Fault("ecs.ListTasks", status=500, times=1))
    world.aws.simulation.broken = {GOOD}
    world.aws.simulation.looks = 1000
    with pytest.raises(Ended) as end:
        world.roll_out(one)
    assert end.value.outcome is Outcome.CANCELLED
    assert world.runs() == {"web": "web:1", "worker": "worker:1"}


def test_cancel_before_a_change_is_just_a_cancel(world: World) -> None:
    one = context()
    one.cancelled = True
    with pytest.raises(CancelRequested):
        world.roll_out(one)
    assert world.aws.faults.calls == []


def test_timeout_while_ecs_answers_goes_back(world: World) -> None:
    world.aws.simulation.broken = {BAD}
    world.aws.simulation.looks = 1000
    configured = environment("web", rollout_timeout=timedelta(seconds=1))
    with pytest.raises((Ended, OutcomeUnknown)) as end:
        world.roll_out(context(BAD, configured=configured))
    assert "Not finished within 1 s" in str(end.value)


def test_timeout_while_ecs_is_away_is_unknown(world: World) -> None:
    one = context(configured=environment("web", rollout_timeout=timedelta(seconds=2)))
    world.aws.faults.add(
        Fault("ecs.UpdateService", after=True, hook=lambda _call: setattr(world.aws.faults, "down", True))
    )
    with pytest.raises(OutcomeUnknown):
        world.roll_out(one)


# --- refusals ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("service", "code"),
    [("nowhere", "service_missing"), ("gone", "service_not_active"), ("blue", "deployment_controller")],
)
def test_services_that_cannot_be_deployed_to(world: World, service: str, code: str) -> None:
    create_service(world.aws, "prod", "gone", "x/web:1", desired=0)
    world.ecs.delete_service(cluster="prod", service="gone")
    world.ecs.create_service(
        cluster="prod",
        serviceName="blue",
        taskDefinition="web:1",
        desiredCount=0,
        deploymentController={"type": "CODE_DEPLOY"},
    )
    with pytest.raises(Refused) as refusal:
        world.roll_out(context(configured=environment("web", service)))
    assert refusal.value.code == code
    assert world.aws.faults.count("ecs.RegisterTaskDefinition") == 0


# --- once, whatever happens ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("lost", ["ecs.RegisterTaskDefinition", "ecs.UpdateService", "ecs.DescribeServices"])
def test_a_lost_answer_repeats_nothing(world: World, lost: str) -> None:
    world.aws.faults.add(Fault(lost, status=503, after=True))
    world.roll_out(context())
    assert world.runs() == {"web": "web:2", "worker": "worker:2"}
    assert world.aws.faults.count("ecs.UpdateService") == 2


@pytest.mark.parametrize("note", range(1, 9))
def test_killed_at_any_note_goes_on(world: World, note: int) -> None:
    one = context()
    seen = 0

    def kill(_memo: Mapping[str, Any]) -> None:
        nonlocal seen
        seen += 1
        if seen == note:
            raise Killed

    one.on_note = kill
    try:
        world.roll_out(one)
    except Killed:
        world.roll_out(one)
    assert world.runs() == {"web": "web:2", "worker": "worker:2"}
    assert world.aws.faults.count("ecs.UpdateService") == 2
    assert world.aws.faults.count("ecs.RegisterTaskDefinition") == 2


@pytest.mark.parametrize("call", ["ecs.RegisterTaskDefinition", "ecs.UpdateService"])
def test_killed_right_after_an_effect_goes_on(world: World, call: str) -> None:
    one = context()
    world.aws.faults.add(Fault(call, status=503, after=True, hook=lambda _call: one.stop.set()))
    with pytest.raises(LeaseLost):
        world.roll_out(one)
    one.stop.clear()
    world.roll_out(one)
    assert world.runs() == {"web": "web:2", "worker": "worker:2"}
    assert world.aws.faults.count("ecs.UpdateService") == 2
    assert world.aws.faults.count("ecs.RegisterTaskDefinition") == 2


def test_killed_while_going_back_goes_on_going_back(world: World) -> None:
    create_service(world.aws, "prod", "api", "x/web:1", breaker=False)
    world.aws.simulation.broken = {BAD}
    one = context(BAD, configured=environment("api"))

    def kill(memo: Mapping[str, Any]) -> None:
        if "back" in memo:
            raise Killed

    one.on_note = kill
    with pytest.raises(Killed):
        world.roll_out(one)
    one.on_note = lambda _memo: None
    with pytest.raises(Ended) as end:
        world.roll_out(one)
    assert end.value.outcome is Outcome.ROLLED_BACK


# --- rollback ---------------------------------------------------------------------------------------------------


def test_rollback_goes_to_what_was_recorded(world: World) -> None:
    world.history[7] = finished(deployment(7), StepName.ROLL_OUT, world.roll_out(context()))
    world.roll_out(context(BAD, 8))
    back = Context(deployment(9, Kind.ROLLBACK, target=7), environment("web", "worker"))
    output = world.roll_out(back)
    assert world.runs() == {"web": "web:2", "worker": "worker:2"}
    assert output["services"][0]["digest"] == GOOD
    assert output["services"][0]["previous_task_definition"].endswith("web:3")


def test_rollback_to_a_deregistered_revision_is_refused(world: World) -> None:
    world.history[7] = finished(deployment(7), StepName.ROLL_OUT, world.roll_out(context()))
    world.roll_out(context(BAD, 8))
    world.ecs.deregister_task_definition(taskDefinition="worker:2")
    with pytest.raises(Refused, match="worker:2, which deployment 7 ran, was deregistered"):
        world.roll_out(Context(deployment(9, Kind.ROLLBACK, target=7), environment("web", "worker")))
    assert world.runs() == {"web": "web:3", "worker": "worker:3"}


# --- migration ----------------------------------------------------------------------------------------------------


def test_migration_runs_on_the_new_revision_and_is_registered_once(world: World) -> None:
    one = context(configured=environment("web", "worker", migrate=MIGRATE))
    output = world.migrate(one)
    assert output["task_definition"].endswith("web:2")
    assert world.runs() == {"web": "web:1", "worker": "worker:1"}
    again = context(configured=one.environment)
    again.deployment = finished(again.deployment, StepName.MIGRATE, output)
    world.roll_out(again)
    assert world.runs() == {"web": "web:2", "worker": "worker:2"}
    assert world.aws.faults.count("ecs.RegisterTaskDefinition") == 2


def test_failed_migration(world: World) -> None:
    world.aws.simulation.exit_code = 3
    with pytest.raises(StepFailed, match="`app` exited with 3") as failure:
        world.migrate(context(configured=environment("web", migrate=MIGRATE)))
    assert failure.value.code == "migration_failed"


@pytest.mark.parametrize("note", range(1, 6))
def test_migration_killed_at_any_note_runs_once(world: World, note: int) -> None:
    one = context(configured=environment("web", migrate=MIGRATE))
    seen = 0

    def kill(_memo: Mapping[str, Any]) -> None:
        nonlocal seen
        seen += 1
        if seen == note:
            raise Killed

    one.on_note = kill
    try:
        world.migrate(one)
    except Killed:
        world.migrate(one)
    assert world.aws.faults.count("ecs.RunTask") == 1
    assert world.aws.faults.count("ecs.RegisterTaskDefinition") == 1


def test_lost_answer_to_run_task_runs_once(world: World) -> None:
    world.aws.faults.add(Fault("ecs.RunTask", status=503, after=True))
    world.migrate(context(configured=environment("web", migrate=MIGRATE)))
    assert world.aws.faults.count("ecs.RunTask") == 1


def test_forgotten_migration_is_unknown(world: World) -> None:
    one = context(configured=environment("web", migrate=MIGRATE))
    one.memo["task"] = "arn:aws:ecs:ap-northeast-1:123456789012:task/prod/00000000-0000-0000-0000-000000000000"
    with pytest.raises(OutcomeUnknown):
        world.migrate(one)
    assert world.aws.faults.count("ecs.RunTask") == 0


def test_migration_that_takes_too_long_is_stopped(world: World) -> None:
    world.aws.simulation.exit_code = None
    slow = MIGRATE.model_copy(update={"timeout": timedelta(seconds=1)})
    with pytest.raises(StepFailed, match="stopped") as failure:
        world.migrate(context(configured=environment("web", migrate=slow)))
    assert failure.value.code == "migration_timeout"
    assert world.aws.faults.count("ecs.StopTask") == 1


def test_cancelled_migration_is_stopped(world: World) -> None:
    world.aws.simulation.exit_code = None
    one = context(configured=environment("web", migrate=MIGRATE))
    world.aws.faults.add(Fault("ecs.DescribeTasks", hook=lambda _call: setattr(one, "cancelled", True)))
    with pytest.raises(CancelRequested):
        world.migrate(one)
    assert world.aws.faults.count("ecs.StopTask") == 1


# --- check --------------------------------------------------------------------------------------------------------


class Answers:
    """An application that gives these answers, the last one for ever."""

    def __init__(self, *answers: HealthAnswer) -> None:
        self._answers = list(answers)

    def ask(self, url: str, field: str | None) -> HealthAnswer:
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


def check(world: World, *answers: HealthAnswer) -> Context:
    configured = environment("web", "worker", check_url="http://app.test/healthz", check_field="commit")
    one = context(configured=configured)
    one.deployment = finished(one.deployment, StepName.ROLL_OUT, world.roll_out(one))
    one.memo = {}
    step = CheckHealth(Answers(*answers), world.services, RealClock(), QUICK, timedelta(seconds=0.5))
    step(one)
    return one


def test_check_waits_until_the_commit_answers(world: World) -> None:
    one = check(world, HealthAnswer(503, None, ""), HealthAnswer(200, "old", ""), HealthAnswer(200, COMMIT, ""))
    assert one.details[-2:] == [
        "waiting for the check: it answers 503",
        "waiting for the check: its field `commit` is not the deployed commit c0ffee0",
    ]


def test_failed_check_goes_back(world: World) -> None:
    with pytest.raises(Ended, match=r"The check of http://app.test/healthz failed: it answers 500") as end:
        check(world, HealthAnswer(500, None, ""))
    assert (end.value.outcome, end.value.code) == (Outcome.ROLLED_BACK, "check_failed")
    assert world.runs() == {"web": "web:1", "worker": "worker:1"}


def test_service_error_before_any_change_is_raised_as_it_is(world: World) -> None:
    body = b'{"__type":"AccessDeniedException","message":"User: x is not authorized to perform: ecs:DescribeServices"}'
    world.aws.faults.add(Fault("ecs.DescribeServices", status=400, body=body, times=-1))
    with pytest.raises(ServiceError, match="Allow ecs:DescribeServices in the policy"):
        world.roll_out(context())

"""What ECS says, and what may be said of it: the known false successes of the field are rows here."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tengu.domain.container_service import (
    ContainerFacts,
    EcsDeployment,
    ServiceDeployment,
    ServiceFacts,
    ServiceRef,
    TaskFacts,
)
from tengu.domain.rollout import Progress, RolloutFacts, Target, Verdict, combine, judge

REF = ServiceRef("prod", "web")
OLD, NEW, OTHER = (f"arn:aws:ecs:r:1:task-definition/web:{number}" for number in (7, 8, 9))
DIGEST = "sha256:" + "a" * 64
TARGET = Target(REF, NEW, OLD, "ecs-svc/new", ("app",), frozenset({DIGEST}))


def entry(identifier: str, revision: str, state: str, status: str = "PRIMARY", running: int = 2) -> EcsDeployment:
    return EcsDeployment(f"ecs-svc/{identifier}", status, revision, 2, running, 0, 0, state)


def service(*deployments: EcsDeployment, revision: str | None = None, desired: int = 2) -> ServiceFacts:
    primary = next((one for one in deployments if one.status == "PRIMARY"), None)
    named = revision or (primary.task_definition if primary else NEW)
    return ServiceFacts(
        REF, "ACTIVE", "ECS", named, desired, desired, deployments, breaker=True, breaker_rolls_back=True
    )


def task(revision: str, digest: str = DIGEST, status: str = "RUNNING") -> TaskFacts:
    return TaskFacts("arn", revision, status, containers=(ContainerFacts("app", digest),))


def crashed(times: int, revision: str = NEW) -> tuple[TaskFacts, ...]:
    containers = (ContainerFacts("app", exit_code=1), ContainerFacts("log", exit_code=0))
    return tuple(
        TaskFacts(f"arn{number}", revision, "STOPPED", "EssentialContainerExited", "x", containers)
        for number in range(times)
    )


FINISHED = service(entry("new", NEW, "COMPLETED"))
ROLLING = service(entry("new", NEW, "IN_PROGRESS", running=1), entry("old", OLD, "COMPLETED", "ACTIVE"))
BACK = service(entry("old", OLD, "COMPLETED"))
SERVING = (task(NEW), task(NEW))
BEFORE = (task(OLD), task(OLD))


def ecs(status: str) -> ServiceDeployment:
    return ServiceDeployment("arn", status, "because")


ROWS = {
    "finished and ours serves": (RolloutFacts(FINISHED, None, SERVING), Progress.SUCCEEDED),
    "finished by the service deployment too": (RolloutFacts(FINISHED, ecs("SUCCESSFUL"), SERVING), Progress.SUCCEEDED),
    "rollout state absent, one settled deployment": (
        RolloutFacts(service(entry("new", NEW, "")), None, SERVING),
        Progress.SUCCEEDED,
    ),
    "stable is not finished": (RolloutFacts(FINISHED, ecs("IN_PROGRESS"), SERVING), Progress.GOING_ON),
    "finished, tasks not asked for": (RolloutFacts(FINISHED, None, None), Progress.GOING_ON),
    "finished, one of two seen": (RolloutFacts(FINISHED, None, (task(NEW), task(OLD))), Progress.GOING_ON),
    "finished, one only pending": (
        RolloutFacts(FINISHED, None, (task(NEW), task(NEW, status="PENDING"))),
        Progress.GOING_ON,
    ),
    "finished, another revision named": (
        RolloutFacts(service(entry("new", NEW, "COMPLETED"), revision=OLD), None, SERVING),
        Progress.GOING_ON,
    ),
    "another digest runs": (RolloutFacts(FINISHED, None, (task(NEW), task(NEW, "sha256:b"))), Progress.UNKNOWN),
    "rolling": (RolloutFacts(ROLLING), Progress.GOING_ON),
    "no deployment named": (RolloutFacts(service(revision=NEW)), Progress.GOING_ON),
    "breaker failed, rollback to come": (
        RolloutFacts(service(entry("new", NEW, "FAILED", running=0))),
        Progress.GOING_BACK,
    ),
    "breaker failed, no rollback": (
        RolloutFacts(replace(service(entry("new", NEW, "FAILED")), breaker_rolls_back=False)),
        Progress.FAILED,
    ),
    "stopped by a person in place": (
        RolloutFacts(replace(ROLLING, breaker_rolls_back=False), ecs("STOPPED")),
        Progress.FAILED,
    ),
    "ECS puts the old one back": (
        RolloutFacts(service(entry("old", OLD, "IN_PROGRESS"), entry("new", NEW, "FAILED", "ACTIVE"))),
        Progress.GOING_BACK,
    ),
    "rolled back before our look, ours still listed": (
        RolloutFacts(service(entry("old", OLD, "COMPLETED"), entry("new", NEW, "FAILED", "ACTIVE")), None, BEFORE),
        Progress.ROLLED_BACK,
    ),
    "rolled back before our look, only an event tells": (
        RolloutFacts(
            replace(BACK, events=("(service web) (deployment ecs-svc/new) deployment failed: tasks failed to start.",)),
            None,
            BEFORE,
        ),
        Progress.ROLLED_BACK,
    ),
    "rolled back, the service deployment tells": (
        RolloutFacts(BACK, ecs("ROLLBACK_SUCCESSFUL"), BEFORE),
        Progress.ROLLED_BACK,
    ),
    "rolled back to an older one than ours": (
        RolloutFacts(service(entry("x", OTHER, "COMPLETED")), ecs("ROLLBACK_SUCCESSFUL"), (task(OTHER), task(OTHER))),
        Progress.ROLLED_BACK,
    ),
    "rolled back, not seen to serve": (RolloutFacts(BACK, ecs("ROLLBACK_SUCCESSFUL"), ()), Progress.GOING_BACK),
    "rollback under way, already stable": (
        RolloutFacts(BACK, ecs("ROLLBACK_IN_PROGRESS"), BEFORE),
        Progress.GOING_BACK,
    ),
    "rollback failed": (RolloutFacts(BACK, ecs("ROLLBACK_FAILED"), BEFORE), Progress.UNKNOWN),
    "somebody deployed another": (
        RolloutFacts(service(entry("x", OTHER, "COMPLETED")), None, (task(OTHER), task(OTHER))),
        Progress.SUPERSEDED,
    ),
    "somebody put the old one back": (RolloutFacts(BACK, ecs("STOPPED"), BEFORE), Progress.SUPERSEDED),
    "somebody forced ours again": (
        RolloutFacts(service(entry("x", NEW, "COMPLETED")), None, SERVING),
        Progress.SUPERSEDED,
    ),
    "crashing for ever, no breaker": (
        RolloutFacts(replace(ROLLING, breaker=False), None, None, crashed(4)),
        Progress.FAILED,
    ),
    "crashing, the breaker's turn": (RolloutFacts(ROLLING, None, None, crashed(4)), Progress.GOING_ON),
    "crashing, the breaker is blind": (RolloutFacts(ROLLING, None, None, crashed(10)), Progress.FAILED),
    "deleted": (RolloutFacts(ServiceFacts(REF, "INACTIVE")), Progress.FAILED),
    "nothing to run": (RolloutFacts(service(entry("new", NEW, "COMPLETED"), desired=0)), Progress.SUCCEEDED),
}  # fmt: skip


@pytest.mark.parametrize(("facts", "progress"), ROWS.values(), ids=ROWS.keys())
def test_verdict(facts: RolloutFacts, progress: Progress) -> None:
    assert judge(TARGET, facts).progress is progress


def test_nothing_running_is_said() -> None:
    verdict = judge(TARGET, RolloutFacts(service(entry("new", NEW, "COMPLETED"), desired=0)))
    assert verdict == Verdict(
        Progress.SUCCEEDED, "web: updated; nothing is running (desired count 0).", ("web: nothing is running.",)
    )


def test_missing_digest_is_noted() -> None:
    verdict = judge(TARGET, RolloutFacts(FINISHED, None, (task(NEW, ""), task(NEW))))
    assert verdict.progress is Progress.SUCCEEDED
    assert verdict.notes == ("web: ECS reports no digest; the revision pinned by digest serves.",)


def test_child_of_the_index_is_ours() -> None:
    target = replace(TARGET, digests=frozenset({DIGEST, "sha256:child"}))
    assert judge(target, RolloutFacts(FINISHED, None, (task(NEW, "sha256:child"),) * 2)).notes == ()


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        (RolloutFacts(ROLLING), "web: 1 of 2 tasks run the new image."),
        (
            RolloutFacts(replace(ROLLING, deployments=(entry("new", NEW, "IN_PROGRESS"), ROLLING.deployments[1]))),
            "web: 2 of 2 tasks run the new image; 2 old still draining.",
        ),
        (
            RolloutFacts(ROLLING, None, None, crashed(2)),
            "web: 1 of 2 tasks run the new image; 2 tasks of web:8 stopped: `app` exited with 1.",
        ),
        (
            RolloutFacts(service(entry("x", OTHER, "COMPLETED"))),
            "web: another deployment (web:9) took the place of this one.",
        ),
        (
            RolloutFacts(BACK, ecs("ROLLBACK_SUCCESSFUL"), BEFORE, crashed(1)),
            "web: ECS went back to web:7, which serves again: because; 1 task of web:8 stopped: `app` exited with 1.",
        ),
    ],
)
def test_sentence(facts: RolloutFacts, sentence: str) -> None:
    assert judge(TARGET, facts).sentence == sentence


@pytest.mark.parametrize(
    ("reason", "advice"),
    [
        ("CannotPullContainerError: manifest unknown", "the image is missing"),
        ("ResourceInitializationError: unable to pull secrets", "look at the secrets"),
        ("Task failed container health checks", "health check's path"),
    ],
)
def test_known_causes_come_with_advice(reason: str, advice: str) -> None:
    stopped = (TaskFacts("arn", NEW, "STOPPED", "TaskFailedToStart", reason),)
    assert advice in judge(TARGET, RolloutFacts(ROLLING, None, None, stopped)).sentence


@pytest.mark.parametrize(
    ("states", "together"),
    [
        (("succeeded", "succeeded"), "succeeded"),
        (("succeeded", "going_on"), "going_on"),
        (("succeeded", "failed"), "failed"),
        (("going_on", "failed"), "failed"),
        (("going_on", "rolled_back"), "rolled_back"),
        (("succeeded", "superseded"), "superseded"),
        (("superseded", "going_on"), "going_on"),
        (("superseded", "failed"), "failed"),
        (("unknown", "succeeded"), "unknown"),
        (("going_back", "succeeded"), "going_back"),
    ],
)
def test_together(states: tuple[str, ...], together: str) -> None:
    assert combine(Verdict(Progress(state), "") for state in states) is Progress(together)

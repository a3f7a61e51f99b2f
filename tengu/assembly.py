"""Puts the use cases together, once, for every door: HTTP, command line, queue, tests."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

from tengu.config.model import Settings
from tengu.domain.deployment import Deployment, StepName
from tengu.ports.chat import Chat
from tengu.ports.clock import Clock
from tengu.ports.code_host import CodeHost
from tengu.ports.container_service import ContainerServices
from tengu.ports.health import HealthCheck
from tengu.ports.image import ImageBuilder, ImageRegistry, SourceControl
from tengu.ports.store import Store
from tengu.usecases.announce import Announce
from tengu.usecases.authorise import Authorise
from tengu.usecases.changeset import CollectChangeset
from tengu.usecases.channels import Channels
from tengu.usecases.control_deployment import ControlDeployment
from tengu.usecases.deploy_environment import DeployEnvironment
from tengu.usecases.engine.advance_deployment import AdvanceDeployment
from tengu.usecases.engine.deployment_run import Pauses
from tengu.usecases.handle_github import HandleGitHub
from tengu.usecases.handle_inbound import HandleInbound
from tengu.usecases.handle_slack import HandleSlack
from tengu.usecases.lock_environment import LockEnvironment
from tengu.usecases.look_again import LookAgain
from tengu.usecases.obstacles import Obstacles
from tengu.usecases.people import People
from tengu.usecases.propose_deployment import ProposeDeployment
from tengu.usecases.reconcile_environment import ReconcileEnvironment
from tengu.usecases.remind_verifiers import RemindVerifiers
from tengu.usecases.report_status import ReportStatus
from tengu.usecases.report_to_github import ReportToGitHub
from tengu.usecases.roll_back import RollBack
from tengu.usecases.run_command import RunCommand
from tengu.usecases.send_messages import SendMessages
from tengu.usecases.settle_merge import SettleMerge
from tengu.usecases.show_history import ShowHistory
from tengu.usecases.step import StepFunction
from tengu.usecases.steps.build import BuildStep
from tengu.usecases.steps.check import CheckHealth
from tengu.usecases.steps.checkout import CheckoutStep
from tengu.usecases.steps.migrate import RunMigration
from tengu.usecases.steps.pace import Pace
from tengu.usecases.steps.roll_out import RollOut
from tengu.usecases.verify import Verify
from tengu.usecases.verify_by_number import VerifyByNumber


@dataclass(frozen=True)
class Outside:
    """Everything outside, ready to use. Tests and the sandbox replace single ones."""

    chat: Chat
    code_host: CodeHost
    builder: ImageBuilder
    source_control: SourceControl
    registry: ImageRegistry
    services: ContainerServices
    health: HealthCheck
    clock: Clock
    pace: Pace = field(default_factory=Pace)
    pauses: Pauses = field(default_factory=Pauses)


@dataclass(frozen=True)
class UseCases:
    """What the doors call."""

    run_command: RunCommand
    handle_inbound: HandleInbound
    advance: AdvanceDeployment
    send_messages: SendMessages
    remind: RemindVerifiers
    reconcile: ReconcileEnvironment


@dataclass(frozen=True)
class _Shared:
    """Use cases that other use cases are made of."""

    people: People
    authorise: Authorise
    obstacles: Obstacles
    announce: Announce
    collect: CollectChangeset
    propose: ProposeDeployment
    verify: Verify
    remind: RemindVerifiers
    reconcile: ReconcileEnvironment


def assemble(
    settings: Settings,
    store: Store,
    outside: Outside,
    *,
    home: Path,
    web: str,
    plain_names: bool = False,
    lease: timedelta = timedelta(seconds=45),
) -> UseCases:
    """Put them together.

    Args:
        home: folder of checkouts.
        web: where GitHub's pages are, without a slash at the end.
        plain_names: answers name people by their logins.
        lease: how long a claim on a deployment lasts without a renewal.
    """
    shared = _shared(settings, store, outside, web)
    advance = AdvanceDeployment(
        settings,
        store.deployments,
        store.logs,
        _steps(store, outside),
        owner=f"{socket.gethostname()}:{os.getpid()}",
        work_folder=home / "work",
        on_start=_on_start(shared.obstacles),
        on_change=shared.announce,
        lease=lease,
        pauses=outside.pauses,
    )
    run_command = _commands(settings, store, outside, shared, plain_names=plain_names)
    return UseCases(
        run_command=run_command,
        handle_inbound=_handle_inbound(settings, store, outside, shared, run_command),
        advance=advance,
        send_messages=SendMessages(store.outbox, outside.chat),
        remind=shared.remind,
        reconcile=shared.reconcile,
    )


def _shared(settings: Settings, store: Store, outside: Outside, web: str) -> _Shared:
    chat, host, clock = outside.chat, outside.code_host, outside.clock
    people = People(settings, chat, host, store.verifications, clock)
    authorise = Authorise(settings, chat)
    obstacles = Obstacles(settings, store.environments, authorise, people, clock)
    announce = Announce(
        settings,
        store.deployments,
        store.environments,
        store.verifications,
        store.inbox,
        store.outbox,
        people,
        clock,
        web,
    )
    propose = ProposeDeployment(settings, host, store.environments, store.verifications, store.deployments, clock)
    settle = SettleMerge(settings, host, store.environments, store.verifications, store.outbox, propose)
    verify = Verify(settings, host, store.environments, store.verifications, store.events, propose, clock)
    return _Shared(
        people=people,
        authorise=authorise,
        obstacles=obstacles,
        announce=announce,
        collect=CollectChangeset(settings, host, store.deployments, store.environments, clock),
        propose=propose,
        verify=verify,
        remind=RemindVerifiers(
            settings, chat, store.deployments, store.environments, store.verifications, store.events, store.outbox,
            people, LookAgain(settings, host, store.environments, verify), clock, web,
        ),
        reconcile=ReconcileEnvironment(
            settings, host, store.deployments, store.environments, store.events, store.outbox, obstacles, settle,
            announce, clock,
        ),
    )  # fmt: skip


def _commands(settings: Settings, store: Store, outside: Outside, shared: _Shared, *, plain_names: bool) -> RunCommand:
    people, clock = replace(shared.people, plain_names=plain_names), outside.clock
    deployments, environments, verifications, events = (
        store.deployments, store.environments, store.verifications, store.events,
    )  # fmt: skip
    return RunCommand(
        settings,
        shared.authorise,
        Channels(settings, outside.chat),
        events,
        DeployEnvironment(
            settings, outside.code_host, deployments, environments, events, shared.collect, shared.propose,
            shared.obstacles, shared.announce, people,
        ),
        ReportStatus(settings, deployments, environments, verifications, shared.obstacles, people, clock),
        ShowHistory(deployments, people, clock),
        ControlDeployment(deployments, events, shared.obstacles, shared.announce),
        RollBack(settings, deployments, environments, verifications, events, people, shared.announce, clock),
        LockEnvironment(environments, deployments, events, people, clock),
        VerifyByNumber(settings, environments, verifications, shared.authorise, people, shared.verify),
        replace(shared.remind, people=people),
    )  # fmt: skip


def _handle_inbound(
    settings: Settings, store: Store, outside: Outside, shared: _Shared, run_command: RunCommand
) -> HandleInbound:
    slack = HandleSlack(settings, run_command, store.outbox)
    github = HandleGitHub(
        settings,
        outside.code_host,
        store.environments,
        store.verifications,
        store.events,
        shared.reconcile,
        shared.verify,
    )
    report = ReportToGitHub(settings, store.deployments, store.environments, outside.code_host)
    handlers = {
        "slack.command": slack.command,
        "slack.action": slack.action,
        "github.pull_request": lambda inbound: github.pull_request(inbound.payload),
        "github.push": lambda inbound: github.push(inbound.payload),
        "github.status": lambda inbound: report(inbound.payload["number"], inbound.payload["state"]),
    }
    return HandleInbound(store.inbox, handlers, slack.apologise)


def _steps(store: Store, outside: Outside) -> Mapping[StepName, StepFunction]:
    checkout = CheckoutStep(outside.code_host, outside.source_control)
    return {
        StepName.CHECKOUT: checkout,
        StepName.BUILD: BuildStep(outside.code_host, checkout.ensure, outside.builder, outside.registry, outside.clock),
        StepName.MIGRATE: RunMigration(outside.services, outside.clock, outside.pace),
        StepName.ROLL_OUT: RollOut(outside.services, outside.clock, store.deployments.get, outside.pace),
        StepName.CHECK: CheckHealth(outside.health, outside.services, outside.clock, outside.pace),
    }


def _on_start(obstacles: Obstacles) -> Callable[[Deployment], tuple[str, str] | None]:
    def ask(deployment: Deployment) -> tuple[str, str] | None:
        obstacle = obstacles.before_start(deployment)
        return (obstacle.code, obstacle.fact) if obstacle else None

    return ask

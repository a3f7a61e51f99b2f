"""The script `demo`: the whole job once, printed as a transcript with times."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tengu.sandbox.aws.stand_in import AwsStandIn
from tengu.sandbox.configuration import production, write_configuration
from tengu.sandbox.engine import Engine, api, find_or_start_engine
from tengu.sandbox.example_app import make_base_image
from tengu.sandbox.example_changes import CHANGES, PUSHED_DIRECTLY
from tengu.sandbox.follow import Follower
from tengu.sandbox.tengu_process import TenguProcess
from tengu.sandbox.world import CHANNEL, CLUSTER, REPOSITORY, SERVICES, USERS, World

#: Short enough to be seen here; a team has 2h.
REMIND_EVERY = "10s"
VERIFICATION = {"hours": "always", "remind_every": REMIND_EVERY}


class Demo:
    """One run of the script.

    Args:
        say: prints one line.
        keep: folder that is kept afterwards; None: a temporary one.
    """

    def __init__(self, say: Callable[[str], None], keep: Path | None = None) -> None:
        self._print = say
        self._keep = keep
        self._begun = time.monotonic()

    def run(self) -> int:
        """Play it; 0 if ECS runs in the end what was merged, else 1."""
        self._head("What this machine has")
        folder = self._keep or Path(tempfile.mkdtemp(prefix="tengu-sandbox-"))
        engine = find_or_start_engine(self._say, folder / "engine")
        try:
            if engine:
                make_base_image(engine, self._say)
            return self._play(folder, engine)
        finally:
            if engine:
                engine.close()

    def _play(self, folder: Path, engine: Engine | None) -> int:
        self._head("A team, before Tengu comes")
        self._say("Starting GitHub, Slack and AWS as stand-ins on loopback ...")
        with World(folder / "world", engine) as world:
            self._tell_of(world)
            config = write_configuration(
                world, folder / "tengu.yml", {"production": production(verification=VERIFICATION)}
            )
            environment = world.environment(config, folder / "home")
            self._say(f"Starting `tengu serve` with {config} ...")
            tengu = TenguProcess(environment, folder / "tengu.log", simulated=engine is None)
            with tengu:
                world.listen(tengu.url)
                self._say(f"Tengu listens on {tengu.url}; its log is {folder / 'tengu.log'}")
                return self._story(world, Follower(world.slack, self._say))

    def _tell_of(self, world: World) -> None:
        for change in CHANGES:
            world.merge(change)
        login, commit = PUSHED_DIRECTLY
        world.repository.commit("master", commit.files, commit.message, by=login)
        people = ", ".join(USERS)
        self._say(f"{REPOSITORY}: {len(CHANGES)} merged pull requests by {people} and a bot, 1 commit without one")
        for service, image in world.running().items():
            self._say(f"ECS {CLUSTER}/{service} runs {image}")

    def _story(self, world: World, follower: Follower) -> int:
        number = self._deploy(world, follower)
        merged = self._tick_and_merge(world, follower, number)
        follower.until(lambda: _has_ended(world), 300, "an outcome")
        good = self._show_ecs(world, merged)
        self._remind(world, follower, number)
        self._head("carol asks how things are")
        world.slack.say(USERS["carol"], CHANNEL, "@tengu status")
        follower.until(lambda: _said(world, "is still to verify"), 30, "the status")
        self._head("Done" if good else "Something is wrong: ECS does not run what was merged")
        return 0 if good else 1

    def _deploy(self, world: World, follower: Follower) -> int:
        self._head("carol wants to deploy")
        world.slack.say(USERS["carol"], CHANNEL, "@tengu deploy production")
        follower.until(lambda: _said(world, "Opened"), 60, "the deployment pull request")
        number = max(world.repository.state.pulls)
        pull = world.repository.pull_request(number)
        self._say("")
        self._say(f"GitHub pull request #{number}: {pull.title} ({pull.head} -> {pull.base})")
        for line in pull.body.splitlines():
            if line and not line.startswith("<!--"):
                self._say(f"    {line.partition(' <!--')[0]}")
        return number

    def _tick_and_merge(self, world: World, follower: Follower, number: int) -> str:
        self._head("alice ticks her boxes, carol merges")
        world.repository.tick(number, "Show the cart", by="alice")
        world.repository.tick(number, "Add an imprint", by="alice")
        self._say(f"GitHub: alice ticked two boxes of #{number}")
        merged = world.repository.merge(number, by="carol")
        self._say(f"GitHub: carol merged #{number} as {merged[:7]}")
        follower.show()
        return merged

    def _show_ecs(self, world: World, merged: str) -> bool:
        self._head("What ECS runs now")
        running = world.running()
        for service, image in running.items():
            self._say(f"{CLUSTER}/{service} runs {image}")
        if world.engine:
            for line in _containers(world.engine, world.aws):
                self._say(f"    {line}")
        else:
            self._say("    (simulated: without a container engine no container runs)")
        self._say(f"GitHub Deployment of {merged[:7]}: {', '.join(_github_states(world))}")
        wanted = {"repositoryName": "web", "imageIds": [{"imageTag": merged}]}
        digest = world.aws.client("ecr").describe_images(**wanted)["imageDetails"][0]["imageDigest"]
        return len(running) == len(SERVICES) and all(image.endswith(f"@{digest}") for image in running.values())

    def _remind(self, world: World, follower: Follower, number: int) -> None:
        self._head("Whoever has not verified is reminded")
        self._say(f"remind_every is {REMIND_EVERY} here, so that it can be seen; Tengu looks at every full minute ...")
        follower.until(lambda: _said(world, "not verified yet", "D0BOB"), 150, "bob's reminder")
        self._say("")
        self._say("bob presses the first button")
        message = next(each for each in world.slack.messages("D0BOB") if "not verified yet" in each.text)
        button = next(block for block in message.blocks if block["type"] == "actions")["elements"][0]
        world.slack.press(USERS["bob"], "D0BOB", message.ts, button["action_id"], button["value"])
        follower.until(lambda: _said(world, "verified in", "D0BOB"), 60, "the answer")
        box = next(line for line in world.repository.pull_request(number).body.splitlines() if "@bob" in line)
        self._say(f"GitHub #{number}: {box.partition(' <!--')[0]}")

    def _head(self, text: str) -> None:
        self._print("")
        self._print(f"== {text}")

    def _say(self, line: str) -> None:
        self._print(f"{time.monotonic() - self._begun:6.1f} s  {line}" if line else "")


def _has_ended(world: World) -> bool:
    """True once Slack and GitHub have been told how deployment 1 ended."""
    ended = _said(world, "deployment 1 of") and _said(world, "*web to production: ")
    return ended and bool({"success", "failure"} & set(_github_states(world)))


def _github_states(world: World) -> list[str]:
    return [status.state for each in world.repository.state.deployments.values() for status in each.statuses]


def _said(world: World, text: str, channel: str = CHANNEL) -> bool:
    """True once Tengu has said that."""
    return any(
        text in message.shown() or text in message.text
        for message in world.slack.messages(channel)
        if message.user == "U0TENGU"
    )


def _containers(engine: Engine, aws: AwsStandIn) -> list[str]:
    """The containers that run an image of ours, as the engine itself lists them."""
    with api(engine.host, timeout=30) as client:
        listed = client.get("/containers/json").raise_for_status().json()
    mine = [each for each in listed if aws.registry in each["Image"]]
    return [
        f"container {each['Id'][:12]}  {each['Status']:<14} {each['Command']}  {each['Image'][:80]}" for each in mine
    ]

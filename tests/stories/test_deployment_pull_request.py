"""The deployment pull request from `deploy` to the tick, on GitHub's stand-in and PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tengu.adapters.github import GitHubCodeHost
from tengu.config.model import App, Environment, Image, Service, Settings, Verification
from tengu.domain.deployment import Deployment, Kind, NewDeployment, Outcome
from tengu.domain.deployment_pull_request import parse_ticks
from tengu.domain.people import Actor
from tengu.errors import Refused, ServiceError
from tengu.ports.store import Store
from tengu.sandbox.faults import Fault
from tengu.sandbox.github import GitHubStandIn
from tengu.sandbox.github.model import Method
from tengu.sandbox.github.repo import RepositoryStandIn
from tengu.secret import Secret
from tengu.usecases.changeset import CollectChangeset
from tengu.usecases.propose_deployment import (
    SOMEBODY,
    BranchMissing,
    NothingToDeploy,
    Opened,
    ProposeDeployment,
    Refreshed,
    Unchanged,
)
from tengu.usecases.verify import Verify

WEB, PRODUCTION, BRANCH = "web", "production", "deployment/production"
CAROL = Actor("slack", "U012CAROL")


@dataclass
class TestClock:
    """Time that only moves when told."""

    __test__ = False
    time: datetime = field(default_factory=lambda: datetime(2026, 3, 2, 10, tzinfo=UTC))

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return self.time.timestamp()

    def sleep(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


@dataclass
class World:
    """GitHub, the record and the use cases."""

    github: GitHubStandIn
    repo: RepositoryStandIn
    host: GitHubCodeHost
    store: Store
    settings: Settings
    clock: TestClock

    @property
    def collect(self) -> CollectChangeset:
        store = self.store
        return CollectChangeset(self.settings, self.host, store.deployments, store.environments, self.clock)

    @property
    def propose(self) -> ProposeDeployment:
        store = self.store
        return ProposeDeployment(
            self.settings, self.host, store.environments, store.verifications, store.deployments, self.clock
        )

    @property
    def verify(self) -> Verify:
        store = self.store
        return Verify(
            self.settings, self.host, store.environments, store.verifications, store.events, self.propose, self.clock
        )

    def merged(self, title: str, by: str = "alice", method: Method = "merge") -> int:
        """A change that was merged into master by bob; its number."""
        self.clock.sleep(60)
        number = self.repo.open_pull_request(title, {f"{title}.txt": title}, by=by).number
        self.repo.merge(number, by="bob", method=method)
        return number

    def opened(self) -> Opened:
        result = self.propose(WEB, PRODUCTION, CAROL)
        assert isinstance(result, Opened)
        return result

    def body(self, number: int) -> str:
        return self.repo.pull_request(number).body

    def box(self, number: int, item: int) -> tuple[bool, Actor | None]:
        items = {each.item: each for each in self.store.verifications.items(WEB, PRODUCTION, number)}
        return items[item].ticked, items[item].ticked_by

    def sync(self, number: int, actor: str = "dave", previous: str | None = None) -> tuple[int, ...]:
        """The `edited` webhook comes for the body as it is now."""
        ticks = self.verify.sync_ticks(WEB, PRODUCTION, number, self.body(number), Actor("github", actor), previous)
        return tuple(each.item for each in ticks)

    def edits(self) -> int:
        return self.github.faults.count("PATCH /repos/*/pulls/*")

    def deployed(self, items: tuple[int, ...], outcome: Outcome) -> Deployment:
        """The open deployment pull request is merged, and the deployment ends like that."""
        store, number = self.store, max(self.repo.state.pulls)
        source = self.repo.head("master")
        commit = self.repo.merge(number, by="bob")
        new = NewDeployment(WEB, PRODUCTION, Kind.MERGE, commit, source, None, number, items, Actor("github", "bob"))
        assert store.deployments.create(new)
        claimed = store.deployments.claim("test", timedelta(minutes=1))
        assert claimed
        return store.deployments.finish(claimed[1], outcome, "", "")


def settings_of(mention: str = "author") -> Settings:
    environment = Environment(
        branch=BRANCH,
        image=Image(repository="registry.example/web"),
        services=(Service(cluster="prod", service="web", containers=("app",)),),
        verification=Verification(mention=mention),  # type: ignore[arg-type]  # one of its words
    )
    return Settings(apps={WEB: App(repository="acme/web", channel="C0DEPLOY", environments={PRODUCTION: environment})})


@pytest.fixture
def world(tmp_path: Path, store: Store) -> Iterator[World]:
    clock = TestClock()
    with GitHubStandIn(tmp_path / "github", now=clock.now) as github:
        for login in ("alice", "bob", "dave", "tengu-bot"):
            github.account(login)
        github.account("dependabot[bot]", "Bot")
        repo = github.repository("acme/web", by="alice")
        repo.branch(BRANCH)
        token = Secret(github.token("tengu-bot"))
        host = GitHubCodeHost.with_token(token, github.url, seconds_between_writes=0, retry_waits=())
        yield World(github, repo, host, store, settings_of(), clock)
        host.close()


# --- what it brings ---------------------------------------------------------------------------------------


def test_a_changeset_is_grouped_by_merged_pull_request(world: World) -> None:
    one = world.merged("one")
    two = world.merged("two", method="squash")
    three = world.merged("three", by="dependabot[bot]", method="rebase")
    direct = world.repo.commit("master", {"direct": "d"}, "A direct commit", by="dave")
    world.github.faults.clear()
    changeset = world.collect(WEB, PRODUCTION)
    assert changeset.numbers == (one, two, three)
    assert [commit.sha for commit in changeset.commits] == [direct]
    assert (changeset.base, changeset.head) == (world.repo.head(BRANCH), direct)
    assert len(world.github.faults.calls) == 4


def test_commits_too_young_for_the_index_are_found_by_their_subjects(world: World) -> None:
    world.github.hub.index_lag = timedelta(minutes=2)
    one, two = world.merged("one"), world.merged("two", method="squash")
    world.repo.commit("master", {"x": "x"}, f"Not what it says (#{one})")
    changeset = world.collect(WEB, PRODUCTION)
    assert changeset.numbers == (one, two)
    assert [commit.title for commit in changeset.commits] == [f"Not what it says (#{one})"]


def test_what_failed_before_is_marked_again(world: World) -> None:
    one = world.merged("one")
    world.opened()
    assert world.deployed((one,), Outcome.SUCCEEDED).number == 1
    two = world.merged("two")
    world.opened()
    failed = world.deployed((two,), Outcome.ROLLED_BACK)
    three = world.merged("three")
    result = world.opened()
    assert [(entry.pull_request.number, entry.again) for entry in result.changeset.entries] == [
        (two, failed.number), (three, None),
    ]  # fmt: skip
    assert f"**again**, rolled back in deployment {failed.number}" in world.body(result.pull_request.number)
    assert "Since deployment 1, `production` runs" in world.body(result.pull_request.number)


def test_a_failed_deployment_with_nothing_newer_needs_no_pull_request(world: World) -> None:
    one = world.merged("one")
    world.opened()
    world.deployed((one,), Outcome.FAILED)
    result = world.propose(WEB, PRODUCTION, CAROL)
    assert isinstance(result, NothingToDeploy)


# --- opening ----------------------------------------------------------------------------------------------


def test_open_refresh_unchanged(world: World) -> None:
    one = world.merged("Add a form", by="alice")
    two = world.merged("Bump x", by="dependabot[bot]")
    opened = world.opened()
    number = opened.pull_request.number
    assert world.repo.pull_request(number).title == "Deploy web to production"
    assert f"- [ ] Add a form #{one} — @alice <!-- tengu:item:{one} -->" in world.body(number)
    assert f"- [ ] Bump x #{two} — dependabot\\[bot\\], to be verified by @bob <!--" in world.body(number)
    assert [(item.item, item.verifiers) for item in opened.items] == [(one, ("alice",)), (two, ("bob",))]
    assert isinstance(world.propose(WEB, PRODUCTION, CAROL), Unchanged)
    assert world.edits() == 0
    three = world.merged("three")
    refreshed = world.propose(WEB, PRODUCTION, Actor("slack", "U0OTHER"), message_key="late")
    assert isinstance(refreshed, Refreshed)
    assert (refreshed.added, refreshed.removed) == ((three,), ())
    assert world.edits() == 1
    known = world.store.environments.pull_request(WEB, PRODUCTION)
    assert known is not None
    assert (known.number, known.opened_by, known.state, known.head) == (
        number, CAROL, "open", world.repo.head("master"),
    )  # fmt: skip
    assert isinstance(world.propose(WEB, PRODUCTION, CAROL), Unchanged)


def test_nothing_to_deploy(world: World) -> None:
    result = world.propose(WEB, PRODUCTION, CAROL)
    assert isinstance(result, NothingToDeploy)
    assert result.changeset.is_empty


def test_a_missing_branch_is_asked_about_and_then_created(world: World) -> None:
    world.repo.delete_branch(BRANCH)
    world.merged("old")
    before = world.repo.head("master")
    newest = world.merged("newest")
    result = world.propose(WEB, PRODUCTION, CAROL)
    assert isinstance(result, BranchMissing)
    assert (result.branch, result.source, result.start.sha) == (BRANCH, "master", before)
    with pytest.raises(Refused, match="has no branch deployment/production yet"):
        world.collect(WEB, PRODUCTION)
    created = world.propose(WEB, PRODUCTION, CAROL, create_branch=True)
    assert isinstance(created, Opened)
    assert created.changeset.numbers == (newest,)
    assert world.repo.head(BRANCH) == before


def test_a_deleted_branch_is_created_where_the_environment_is(world: World) -> None:
    one = world.merged("one")
    world.opened()
    running = world.deployed((one,), Outcome.SUCCEEDED)
    world.repo.delete_branch(BRANCH)
    two, three = world.merged("two"), world.merged("three")
    result = world.propose(WEB, PRODUCTION, CAROL)
    assert isinstance(result, BranchMissing)
    assert result.start.sha == running.source_commit
    created = world.propose(WEB, PRODUCTION, CAROL, create_branch=True)
    assert isinstance(created, Opened)
    assert created.changeset.numbers == (two, three)


def test_a_single_commit_leaves_nothing_to_deploy(world: World) -> None:
    world.repo.delete_branch(BRANCH)
    with pytest.raises(Refused, match="master has a single commit"):
        world.propose(WEB, PRODUCTION, CAROL, create_branch=True)


def test_a_missing_source_branch_is_refused(world: World) -> None:
    world.repo.branch("main")
    world.repo.state.default_branch = "main"
    world.repo.delete_branch("master")
    with pytest.raises(Refused, match="no branch master, which `source:`"):
        world.propose(WEB, PRODUCTION, CAROL)


def test_two_who_ask_at_once_get_one_pull_request(world: World) -> None:
    world.merged("one")
    with ThreadPoolExecutor(3) as pool:
        results = list(pool.map(lambda _: world.propose(WEB, PRODUCTION, CAROL), range(3)))
    kinds = sorted(type(result).__name__ for result in results)
    assert kinds == ["Opened", "Unchanged", "Unchanged"]
    assert len([pull for pull in world.repo.state.pulls.values() if pull.base == BRANCH]) == 1


def test_one_opened_by_hand_is_taken_over_with_its_text(world: World) -> None:
    one = world.merged("one")
    number = world.repo.open_pull_request("By hand", by="dave", head="master", base=BRANCH, body="My text").number
    result = world.propose(WEB, PRODUCTION, CAROL)
    assert isinstance(result, Refreshed)
    assert result.pull_request.number == number
    assert world.body(number).startswith("My text\n\n<!-- tengu:begin -->")
    assert parse_ticks(world.body(number)) == {one: False}


def test_a_crash_after_opening_is_healed_by_the_next_deploy(world: World) -> None:
    one = world.merged("one")
    faults = world.github.faults

    def go_down(_call: str) -> None:
        faults.add(Fault("GET /repos/*/pulls", status=500, times=-1))

    faults.add(Fault("POST /repos/*/pulls", status=500, after=True, hook=go_down))
    with pytest.raises(ServiceError):
        world.propose(WEB, PRODUCTION, CAROL)
    faults.clear()
    assert len([pull for pull in world.repo.state.pulls.values() if pull.base == BRANCH]) == 1
    result = world.propose(WEB, PRODUCTION, CAROL)
    assert isinstance(result, Unchanged)
    assert [item.item for item in result.items] == [one]


@pytest.mark.parametrize("mention", ["author", "assignees", "merger"])
def test_who_is_asked_to_verify(world: World, mention: str) -> None:
    world.settings = settings_of(mention)
    one = world.merged("one", by="alice")
    world.repo.assign(one, "dave", "alice")
    assigned = world.opened().items[0].verifiers
    assert assigned == {"author": ("alice",), "assignees": ("dave", "alice"), "merger": ("bob",)}[mention]


def test_github_down_is_said(world: World) -> None:
    world.github.faults.down = True
    with pytest.raises(ServiceError, match="GitHub could not do GET /repos/acme/web/branches"):
        world.propose(WEB, PRODUCTION, CAROL)


# --- ticks ------------------------------------------------------------------------------------------------


def test_a_tick_on_github_is_recorded_with_who_and_survives_a_refresh(world: World) -> None:
    one, two = world.merged("one"), world.merged("two")
    number = world.opened().pull_request.number
    before = world.body(number)
    world.repo.tick(number, f"item:{one} ", by="dave")
    assert world.sync(number, "dave", before) == (one,)
    assert world.box(number, one) == (True, Actor("github", "dave"))
    assert world.sync(number, "dave", before) == ()  # the same event once more
    world.merged("three")
    world.propose(WEB, PRODUCTION, CAROL)
    assert parse_ticks(world.body(number))[one] is True
    assert world.sync(number, "tengu-bot", before) == ()  # our own edit's event
    assert world.box(number, one) == (True, Actor("github", "dave"))
    before = world.body(number)
    world.repo.untick(number, f"item:{one} ", by="alice")
    assert world.sync(number, "alice", before) == (one,)
    assert world.box(number, one) == (False, None)
    assert world.box(number, two) == (False, None)
    recorded = [(event.action, str(event.actor)) for event in world.store.events.events(app=WEB)]
    assert recorded == [("untick", "github:alice"), ("tick", "github:dave")]


def test_a_tick_that_a_refresh_saw_first_gets_its_name_from_the_event(world: World) -> None:
    one = world.merged("one")
    number = world.opened().pull_request.number
    before = world.body(number)
    world.repo.tick(number, "item:", by="dave")
    world.merged("two")
    world.propose(WEB, PRODUCTION, CAROL)
    assert world.box(number, one) == (True, SOMEBODY)
    event = before.replace("- [ ]", "- [x]", 1)
    world.verify.sync_ticks(WEB, PRODUCTION, number, event, Actor("github", "dave"), before)
    assert world.box(number, one) == (True, Actor("github", "dave"))


def test_an_event_that_comes_late_changes_nothing(world: World) -> None:
    one = world.merged("one")
    number = world.opened().pull_request.number
    unticked = world.body(number)
    world.repo.tick(number, "item:", by="dave")
    ticked = world.body(number)
    world.repo.untick(number, "item:", by="alice")
    for body, previous in ((unticked, ticked), (ticked, unticked)):
        world.verify.sync_ticks(WEB, PRODUCTION, number, body, Actor("github", "dave"), previous)
    assert world.box(number, one)[0] is False
    assert parse_ticks(world.body(number)) == {one: False}
    assert world.edits() == 0


def test_a_tick_by_command_is_recorded_and_shown(world: World) -> None:
    one, two = world.merged("one"), world.merged("two")
    number = world.opened().pull_request.number
    (result,) = world.verify.set_ticks(WEB, PRODUCTION, [one], ticked=True, actor=CAROL)
    assert [item.item for item in result.changed] == [one]
    assert [item.item for item in result.open] == [two]
    assert parse_ticks(world.body(number)) == {one: True, two: False}
    (again,) = world.verify.set_ticks(WEB, PRODUCTION, [one], ticked=True, actor=Actor("slack", "U0OTHER"))
    assert (again.changed, [item.ticked_by for item in again.same]) == ((), [CAROL])
    assert world.edits() == 1
    assert world.sync(number, "tengu-bot", "") == ()
    world.verify.set_ticks(WEB, PRODUCTION, [one], ticked=False, actor=CAROL)
    assert parse_ticks(world.body(number)) == {one: False, two: False}


def test_a_number_without_a_box_is_refused_with_what_there_is(world: World) -> None:
    with pytest.raises(Refused, match="has no deployment pull request with boxes"):
        world.verify.set_ticks(WEB, PRODUCTION, [9], ticked=True, actor=CAROL)
    one = world.merged("one")
    number = world.opened().pull_request.number
    with pytest.raises(Refused) as raised:
        world.verify.set_ticks(WEB, PRODUCTION, [one, 99], ticked=True, actor=CAROL)
    assert str(raised.value) == (
        f"#99 has no box in #{number}, the deployment pull request of web production. It lists #{one}."
    )
    assert world.box(number, one)[0] is False


def test_a_tick_while_github_is_down_is_kept_and_shown_later(world: World) -> None:
    one = world.merged("one")
    number = world.opened().pull_request.number
    world.github.faults.down = True
    with pytest.raises(ServiceError):
        world.verify.set_ticks(WEB, PRODUCTION, [one], ticked=True, actor=CAROL)
    world.github.faults.clear()
    assert isinstance(world.propose(WEB, PRODUCTION, CAROL), Refreshed)
    assert parse_ticks(world.body(number)) == {one: True}
    assert world.box(number, one) == (True, CAROL)


def test_a_lost_answer_to_the_edit_loses_no_tick(world: World) -> None:
    one = world.merged("one")
    number = world.opened().pull_request.number
    world.github.faults.add(Fault("PATCH *", status=502, after=True))
    with pytest.raises(ServiceError):
        world.verify.set_ticks(WEB, PRODUCTION, [one], ticked=True, actor=CAROL)
    world.verify.set_ticks(WEB, PRODUCTION, [one], ticked=True, actor=CAROL)
    assert world.box(number, one) == (True, CAROL)
    world.propose(WEB, PRODUCTION, CAROL)
    assert world.box(number, one) == (True, CAROL)


@pytest.mark.parametrize(
    "damage",
    [
        lambda body: "",
        lambda body: "I wiped it all",
        lambda body: body.replace("<!-- tengu:end -->", ""),
        lambda body: "\n".join(line for line in body.split("\n") if "tengu:item" not in line),
    ],
)
def test_a_damaged_body_is_put_back_with_its_ticks(world: World, damage: Callable[[str], str]) -> None:
    one, two = world.merged("one"), world.merged("two")
    number = world.opened().pull_request.number
    world.verify.set_ticks(WEB, PRODUCTION, [one], ticked=True, actor=CAROL)
    world.repo.edit(number, by="dave", body=damage(world.body(number)))
    world.sync(number)
    world.propose(WEB, PRODUCTION, CAROL)
    assert parse_ticks(world.body(number)) == {one: True, two: False}
    assert world.box(number, one) == (True, CAROL)
    assert ("I wiped it all" in world.body(number)) == (damage("x") == "I wiped it all")


def test_what_people_write_survives_byte_for_byte(world: World) -> None:
    one = world.merged("one")
    number = world.opened().pull_request.number
    body = f"Above: wait for QA  \n\n{world.body(number)}\n\n* [ ] mine\n\tend"
    world.repo.edit(number, by="dave", body=body, crlf=False)
    two = world.merged("two")
    world.propose(WEB, PRODUCTION, CAROL)
    assert world.body(number).startswith("Above: wait for QA  \n\n<!-- tengu:begin -->")
    assert world.body(number).endswith("<!-- tengu:end -->\n\n* [ ] mine\n\tend")
    assert parse_ticks(world.body(number)) == {one: False, two: False}


def test_an_edit_in_the_browser_at_the_same_moment_is_not_lost(world: World) -> None:
    one = world.merged("one")
    number = world.opened().pull_request.number
    two = world.merged("two")

    def edit(_call: str) -> None:
        world.clock.sleep(1)
        body = world.body(number).replace("- [ ]", "- [x]", 1)
        world.repo.edit(number, by="dave", body=f"Note of the last second\n{body}")
        world.clock.sleep(1)

    world.github.faults.add(Fault("PATCH *", hook=edit))
    result = world.propose(WEB, PRODUCTION, CAROL)
    assert isinstance(result, Refreshed)
    assert world.body(number).startswith("Note of the last second\n<!-- tengu:begin -->")
    assert parse_ticks(world.body(number)) == {one: True, two: False}
    assert world.box(number, one)[0] is True


def test_a_stale_edit_right_after_ours_is_mended(world: World) -> None:
    one = world.merged("one")
    number = world.opened().pull_request.number
    stale = world.body(number)
    two = world.merged("two")

    def overwrite(_call: str) -> None:
        if world.edits():
            world.clock.sleep(1)
            world.repo.edit(number, by="dave", body=f"{stale}\nMy note")
            world.github.faults.clear()

    world.github.faults.add(Fault("GET /repos/*/pulls/*", hook=overwrite, times=-1))
    world.propose(WEB, PRODUCTION, CAROL)
    assert world.body(number).replace("\r\n", "\n").endswith("\nMy note")
    assert parse_ticks(world.body(number)) == {one: False, two: False}


def test_the_tick_of_one_is_not_taken_for_the_edit_of_another(world: World) -> None:
    one = world.merged("one")
    number = world.opened().pull_request.number
    opened = world.body(number)
    world.repo.tick(number, "item:", by="dave")
    ticked = world.body(number)
    world.repo.edit(number, by="alice", body=f"{ticked}\nA note")
    assert world.sync(number, "alice", ticked) == (one,)
    assert world.box(number, one) == (True, SOMEBODY)
    world.verify.sync_ticks(WEB, PRODUCTION, number, ticked, Actor("github", "dave"), opened)
    assert world.box(number, one) == (True, Actor("github", "dave"))


def test_boxes_of_a_merged_pull_request_can_still_be_ticked(world: World) -> None:
    one = world.merged("one")
    number = world.opened().pull_request.number
    world.deployed((one,), Outcome.SUCCEEDED)
    (result,) = world.verify.set_ticks(WEB, PRODUCTION, [one], ticked=True, actor=CAROL)
    assert result.pull_request.number == number
    assert parse_ticks(world.body(number)) == {one: True}


def test_hundreds_of_pull_requests_stay_below_githubs_limit(world: World) -> None:
    for number in range(130):
        world.merged(f"{number} " + "A title as long as GitHub takes it " * 6, method="squash")
    world.github.faults.clear()
    opened = world.opened()
    assert len(opened.items) == 130
    assert len(world.github.faults.calls) == 8
    (result,) = world.verify.set_ticks(WEB, PRODUCTION, [opened.items[-1].item], ticked=True, actor=CAROL)
    assert len(result.changed) == 1
    assert world.sync(opened.pull_request.number) == ()

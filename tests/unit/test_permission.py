"""Who may: the rules as a table, and the facts they are decided on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tengu.config.model import App, Environment, Image, Service, Settings
from tengu.domain import permission
from tengu.domain.people import TENGU, Actor, ChatUser
from tengu.errors import Refused, ServiceError
from tengu.ports.chat import Posted
from tengu.usecases.authorise import Authorise

ALICE = ChatUser("U0ALICE", "alice")


@pytest.mark.parametrize(
    ("user", "in_channel", "code"),
    [
        (ALICE, True, None),
        (ALICE, False, "not_in_channel"),
        (replace(ALICE, is_guest=True), True, "guest"),
        (replace(ALICE, is_stranger=True), True, "stranger"),
        (replace(ALICE, is_guest=True, is_stranger=True), True, "stranger"),
        (replace(ALICE, is_bot=True), True, "not_a_person"),
        (replace(ALICE, is_deleted=True), True, "deactivated"),
    ],
)
def test_members(user: ChatUser, in_channel: bool, code: str | None) -> None:
    refusal = permission.member(user, "web", "#deploys", in_channel=in_channel)
    assert (refusal.code if refusal else None) == code
    assert refusal is None or (refusal.fact and refusal.next_step)


@pytest.mark.parametrize(
    ("restricted", "is_deployer", "in_channel", "code"),
    [
        (False, False, True, None),
        (False, False, False, "not_in_channel"),
        (True, True, False, None),
        (True, False, True, "not_a_deployer"),
    ],
)
def test_deployers(restricted: bool, is_deployer: bool, in_channel: bool, code: str | None) -> None:
    refusal = permission.deployer(
        ALICE, "web", "production", "#deploys", restricted=restricted, is_deployer=is_deployer, in_channel=in_channel
    )
    assert (refusal.code if refusal else None) == code


def test_a_guest_is_no_deployer_even_where_listed() -> None:
    guest = replace(ALICE, is_guest=True)
    refusal = permission.deployer(
        guest, "web", "production", "#deploys", restricted=True, is_deployer=True, in_channel=True
    )
    assert refusal is not None
    assert refusal.code == "guest"


class Workspace:
    """The part of Slack that permissions need: a Chat that knows people, members and groups."""

    def __init__(self) -> None:
        self.users = {
            "U0ALICE": ALICE,
            "U00BOB": ChatUser("U00BOB", "bob"),
            "U00GUS": ChatUser("U00GUS", "gus", is_guest=True),
        }
        self.members = {"C0DEPLOY": {"U0ALICE", "U00GUS"}}
        self.groups = {"S00OPS": {"U00BOB", "U00GUS"}}
        self.down = ""

    def user(self, user: str) -> ChatUser:
        self._ask("users.info")
        return self.users[user]

    def is_member(self, channel: str, user: str) -> bool:
        self._ask("conversations.members")
        return user in self.members[channel]

    def channel_id(self, channel: str) -> str:
        return {"#deploys": "C0DEPLOY"}.get(channel, channel)

    def in_user_group(self, group: str, user: str) -> bool:
        self._ask("usergroups.users.list")
        return user in self.groups[group]

    def _ask(self, method: str) -> None:
        if method == self.down:
            raise ServiceError("Slack", method, "it is away", transient=True)

    def post(self, *_: object, **__: object) -> Posted:
        raise NotImplementedError

    find = update = direct_message = user_by_email = post


def _settings(*deployers: str) -> Settings:
    environment = Environment(
        branch="deployment/production",
        image=Image(repository="registry.example/web"),
        services=(Service(cluster="c", service="s", containers=("app",)),),
        deployers=deployers,
    )
    app = App(repository="acme/web", channel="#deploys", environments={"production": environment})
    return Settings(apps={"web": app}, users={"Alice": "U0ALICE", "bob": "U00BOB", "gus": "U00GUS"})


def _code(workspace: Workspace, deployers: tuple[str, ...], actor: Actor, right: str) -> str | None:
    authorise = Authorise(_settings(*deployers), workspace)  # type: ignore[arg-type]  # as much of a Chat as is asked
    try:
        if right == "deployer":
            authorise.deployer(actor, "web", "production")
        elif right == "merger":
            authorise.merger("web", "production", actor.id)
        elif right == "anyone":
            authorise.anyone(actor)
        else:
            authorise.member(actor, "web")
    except Refused as refusal:
        return refusal.code
    return None


@pytest.mark.parametrize(
    ("actor", "right", "deployers", "code"),
    [
        (Actor("slack", "U0ALICE"), "member", (), None),
        (Actor("slack", "U00BOB"), "member", (), "not_in_channel"),
        (Actor("slack", "U00GUS"), "member", (), "guest"),
        (Actor("slack", "U0ALICE"), "anyone", (), None),
        (Actor("slack", "U00BOB"), "anyone", (), "not_in_channel"),
        (Actor("slack", "U0ALICE"), "deployer", (), None),
        (Actor("slack", "U00BOB"), "deployer", (), "not_in_channel"),
        (Actor("slack", "U0ALICE"), "deployer", ("U00NINE",), "not_a_deployer"),
        (Actor("slack", "U0ALICE"), "deployer", ("U0ALICE",), None),
        (Actor("slack", "U00BOB"), "deployer", ("S00OPS",), None),
        (Actor("slack", "U0ALICE"), "deployer", ("S00OPS",), "not_a_deployer"),
        (Actor("slack", "U00GUS"), "deployer", ("S00OPS",), "guest"),
        (Actor("cli", "root"), "deployer", ("U00NINE",), None),
        (Actor("cli", "root"), "member", (), None),
        (TENGU, "deployer", ("U00NINE",), None),
        (Actor("github", "alice"), "member", (), "stranger"),
        (Actor("github", "mallory"), "merger", (), None),
        (Actor("github", "mallory"), "merger", ("U0ALICE",), "not_a_deployer"),
        (Actor("github", "ALICE"), "merger", ("U0ALICE",), None),
        (Actor("github", "bob"), "merger", ("S00OPS",), None),
        (Actor("github", "gus"), "merger", ("S00OPS",), "not_a_deployer"),
        (Actor("github", ""), "merger", ("U0ALICE",), "not_a_deployer"),
    ],
)
def test_rights_on_facts(actor: Actor, right: str, deployers: tuple[str, ...], code: str | None) -> None:
    assert _code(Workspace(), deployers, actor, right) == code


@pytest.mark.parametrize(
    ("method", "right", "deployers"),
    [
        ("users.info", "member", ()),
        ("conversations.members", "member", ()),
        ("conversations.members", "deployer", ()),
        ("usergroups.users.list", "deployer", ("S00OPS",)),
        ("users.info", "merger", ("U0ALICE",)),
    ],
)
def test_where_slack_cannot_be_asked_it_is_an_error_and_no_refusal(
    method: str, right: str, deployers: tuple[str, ...]
) -> None:
    workspace = Workspace()
    workspace.down = method
    actor = Actor("github", "alice") if right == "merger" else Actor("slack", "U0ALICE")
    with pytest.raises(ServiceError) as error:
        _code(workspace, deployers, actor, right)
    assert error.value.action == method


def test_merging_takes_a_proven_login() -> None:
    authorise = Authorise(_settings(), Workspace())  # type: ignore[arg-type]  # as much of a Chat as is asked
    assert authorise.proven_login(Actor("slack", "U0ALICE")) == "Alice"
    with pytest.raises(Refused) as refusal:
        authorise.proven_login(Actor("slack", "U0EIGHT"))
    assert refusal.value.code == "not_linked"

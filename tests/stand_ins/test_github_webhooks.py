"""The GitHub stand-in's webhooks are those that GitHub publishes, signed, in order and sent once."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tengu.sandbox.github import GitHubStandIn
from tengu.sandbox.github.repo import RepositoryStandIn
from tengu.sandbox.server import Server
from tests.stand_ins.github_published import published, webhook_problems

SECRET = "It's a Secret to Everybody"
BOXES = "Mine.\n\n- [ ] #1 by @alice\n- [ ] #2 by @bob\n"


class Receiver:
    """Remembers what it was sent, and answers as it is told."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.status = 202
        self.server = Server(Starlette(routes=[Route("/hook", self._receive, methods=["POST"])]))

    async def _receive(self, request: Request) -> Response:
        self.got.append((dict(request.headers), await request.body()))
        return Response(status_code=self.status)

    def names(self) -> list[str]:
        """Events and actions, as they came in."""
        return [f"{head['x-github-event']} {json.loads(body).get('action', '')}".strip() for head, body in self.got]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    with made.server:
        yield made


@pytest.fixture
def github(tmp_path: Path, receiver: Receiver) -> Iterator[GitHubStandIn]:
    with GitHubStandIn(tmp_path) as running:
        running.account("alice", email="alice@example.com")
        running.account("bob")
        running.app()
        yield running


@pytest.fixture
def web(github: GitHubStandIn, receiver: Receiver) -> RepositoryStandIn:
    made = github.repository("acme/web", {"app.py": "1\n"}, by="alice")
    made.branch("deployment/production")
    made.open_pull_request("One", {"one.txt": "1\n"}, by="alice", head="one")
    github.send_webhooks(receiver.server.url + "/hook", SECRET, ping=True)
    return made


def test_every_webhook_is_as_published_and_signed(
    github: GitHubStandIn, web: RepositoryStandIn, receiver: Receiver
) -> None:
    web.merge(1, by="bob")
    web.open_pull_request("Deploy", by="alice", body=BOXES, head="master", base="deployment/production")
    web.tick(2, "#1", by="alice")
    web.edit(2, by="bob", title="Deploy now")
    web.commit("master", {"app.py": None}, "Remove it", by="bob")
    web.close(2, by="bob")
    web.reopen(2, by="bob")
    web.merge(2, by="alice")
    web.delete_branch("one", by="alice")
    github.webhooks.wait_idle()
    assert receiver.names() == [
        "ping",
        "pull_request closed",
        "push",
        "pull_request opened",
        "pull_request edited",
        "pull_request edited",
        "push",
        "pull_request synchronize",
        "pull_request closed",
        "pull_request reopened",
        "pull_request closed",
        "push",
        "push",
    ]
    for head, body in receiver.got:
        assert webhook_problems(head["x-github-event"], json.loads(body)) == []
        expected = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        assert head["x-hub-signature-256"] == f"sha256={expected}"
    assert len({head["x-github-delivery"] for head, _ in receiver.got}) == len(receiver.got)
    sent = {name.replace(" ", ".") for name in receiver.names()}
    assert sent == set(published()["webhooks"])


def test_what_an_edit_a_move_and_a_merge_say(github: GitHubStandIn, web: RepositoryStandIn) -> None:
    web.open_pull_request("Deploy", {"x": "1"}, by="alice", body=BOXES, head="two", base="deployment/production")
    web.tick(2, "#2", by="bob")
    edited = github.webhooks.last("pull_request", "edited").payload
    assert (edited["changes"], edited["sender"]["login"]) == ({"body": {"from": BOXES}}, "bob")
    assert edited["pull_request"]["body"] == BOXES.replace("[ ] #2", "[x] #2")
    before = web.head("two")
    after = web.commit("two", {"x": "2"}, "Again", by="alice")
    moved = github.webhooks.last("pull_request", "synchronize").payload
    assert (moved["before"], moved["after"], moved["pull_request"]["head"]["sha"]) == (before, after, after)
    merge = web.merge(2, by="bob")
    closed = github.webhooks.last("pull_request", "closed").payload["pull_request"]
    assert (closed["merged"], closed["merge_commit_sha"], closed["merged_by"]["login"]) == (True, merge, "bob")
    push = github.webhooks.last("push").payload
    assert (push["ref"], push["after"], push["forced"]) == ("refs/heads/deployment/production", merge, False)
    assert [commit["id"] for commit in push["commits"]][-1] == merge
    assert push["head_commit"]["added"] == ["x"]
    web.force("two", before, by="alice")
    assert github.webhooks.last("push").payload["forced"] is True


def test_a_planted_mistake_is_found(github: GitHubStandIn, web: RepositoryStandIn) -> None:
    web.edit(1, by="alice", title="Other")
    payload = github.webhooks.last("pull_request", "edited").payload
    assert webhook_problems("pull_request", payload) == []
    assert webhook_problems("pull_request", {**payload, "changes": {"title": "Other"}})
    assert webhook_problems("pull_request", {**payload, "sender": {"login": "alice"}})
    del payload["pull_request"]["merged_by"]
    assert webhook_problems("pull_request", payload) == [": 'merged_by' is a required property"] or webhook_problems(
        "pull_request", payload
    ) == ["pull_request: 'merged_by' is a required property"]


def test_deliveries_are_dropped_failed_and_sent_again(
    github: GitHubStandIn, web: RepositoryStandIn, receiver: Receiver
) -> None:
    github.webhooks.wait_idle()
    github.webhooks.drop_next(2)
    web.merge(1, by="alice")
    receiver.status = 500
    web.commit("master", {"a": "b"}, "Push")
    github.webhooks.wait_idle()
    assert receiver.names() == ["ping", "push"]
    assert [(one.event, one.status) for one in github.webhooks.deliveries] == [
        ("ping", 202),
        ("pull_request", -1),
        ("push", -1),
        ("push", 500),
    ]
    receiver.status = 202
    lost = github.webhooks.last("pull_request", "closed")
    github.webhooks.redeliver(lost.id)
    github.webhooks.redeliver(github.webhooks.deliveries[-1].id)
    github.webhooks.wait_idle()
    assert receiver.got[-2][0]["x-github-delivery"] == lost.id
    assert receiver.got[-1] == receiver.got[-3]
    assert lost.status == 202


def test_nobody_there_is_recorded_and_not_tried_again(github: GitHubStandIn, web: RepositoryStandIn) -> None:
    github.webhooks.wait_idle()
    github.send_webhooks("http://127.0.0.1:9/hook", SECRET, frozenset({"push"}))
    web.merge(1, by="alice")
    github.webhooks.wait_idle()
    last = github.webhooks.deliveries[-1]
    assert (last.event, last.status, last.attempts) == ("push", -1, 1)
    assert "ConnectError" in last.detail
    assert github.webhooks.deliveries[-2].event == "ping"  # pull_request is not subscribed to

"""What does not come from GitHub or Slack, or makes no sense, gets its status and one line in the log."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
from collections.abc import Mapping

import httpx
import pytest

from handlers.github_webhook import MAX_BODY
from tengu.sandbox.github.webhooks import headers
from tests.stories.story import Story


@pytest.fixture
def genuine(story: Story) -> tuple[bytes, dict[str, str]]:
    """Body and headers of a webhook that GitHub sent and Tengu has handled."""
    story.change()
    story.opens()
    story.settle()
    webhooks = story.world.github.webhooks
    delivery = webhooks.last("pull_request", "opened")
    assert webhooks.hook
    return delivery.body, headers(delivery, webhooks.hook)


def _post(
    story: Story, caplog: pytest.LogCaptureFixture, body: bytes, sent: Mapping[str, str]
) -> tuple[int, list[logging.LogRecord]]:
    """Status of the answer, and what was logged meanwhile."""
    caplog.clear()
    with caplog.at_level(logging.INFO):
        answer = httpx.post(f"{story.url}/github/webhook", content=body, headers=dict(sent), trust_env=False)
    lines = [record for record in caplog.records if record.name.startswith(("handlers", "tengu"))]
    return answer.status_code, lines


def _signed(story: Story, body: bytes, event: str = "pull_request", delivery: str = "d-1") -> dict[str, str]:
    """Headers as GitHub would send with that body."""
    hook = story.world.github.webhooks.hook
    assert hook
    digest = hmac.new(hook.secret.encode(), body, hashlib.sha256).hexdigest()
    return {"X-GitHub-Event": event, "X-GitHub-Delivery": delivery, "X-Hub-Signature-256": f"sha256={digest}"}


def test_unsigned_and_wrongly_signed(
    story: Story, genuine: tuple[bytes, dict[str, str]], caplog: pytest.LogCaptureFixture
) -> None:
    body, sent = genuine
    unsigned = {name: value for name, value in sent.items() if not name.startswith("X-Hub-Signature")}
    for wrong in (
        unsigned,
        sent | {"X-Hub-Signature-256": "sha256=" + "0" * 64},
        sent | {"X-Hub-Signature-256": "sha256=ünïcode".encode("latin-1").decode("latin-1")},
    ):
        encoded = {name: value.encode("latin-1") for name, value in wrong.items()}
        status, lines = _post(story, caplog, body, encoded)  # type: ignore[arg-type]  # httpx takes bytes, too
        assert status == 401
        assert len(lines) == 1 and lines[0].levelno == logging.WARNING
        assert "signature" in lines[0].getMessage()


def test_oversized(story: Story, caplog: pytest.LogCaptureFixture) -> None:
    status, lines = _post(story, caplog, b" " * (MAX_BODY + 1), {"X-GitHub-Event": "push"})
    assert status == 413
    assert len(lines) == 1


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"action": "closed"}', b'{"pull_request": 3}', b"\xff\xfe"])
def test_malformed(story: Story, caplog: pytest.LogCaptureFixture, body: bytes) -> None:
    status, lines = _post(story, caplog, body, _signed(story, body))
    assert status == 400
    assert len(lines) == 1
    assert story.open_requests() == []


def test_unknown_events_and_actions_have_no_effect(story: Story, caplog: pytest.LogCaptureFixture) -> None:
    for event in ("star", "ping", "", "pull_request_review"):
        status, lines = _post(story, caplog, b"{}", _signed(story, b"{}", event))
        assert status == 202
        assert len(lines) == 1
    assert story.open_requests() == []


def test_an_action_nobody_knows_yet_has_no_effect(
    story: Story, genuine: tuple[bytes, dict[str, str]], caplog: pytest.LogCaptureFixture
) -> None:
    body = json.dumps(json.loads(genuine[0]) | {"action": "beamed_up"}).encode()
    status, lines = _post(story, caplog, body, _signed(story, body))
    assert status == 202 and len(lines) == 1
    story.settle()
    assert story.outcomes() == []


def test_repeated(story: Story, genuine: tuple[bytes, dict[str, str]], caplog: pytest.LogCaptureFixture) -> None:
    body, sent = genuine
    status, lines = _post(story, caplog, body, sent)
    assert status == 202
    assert len(lines) == 1 and "repeated" in lines[0].getMessage()
    assert story.open_requests() == []


def test_another_repository_and_another_branch_have_no_effect(
    story: Story, genuine: tuple[bytes, dict[str, str]], caplog: pytest.LogCaptureFixture
) -> None:
    payload = json.loads(genuine[0])
    payload["action"] = "closed"
    payload["pull_request"]["merged"] = True
    payload["repository"]["full_name"] = "mallory/web"
    body = json.dumps(payload).encode()
    assert _post(story, caplog, body, _signed(story, body))[0] == 202
    story.settle()
    assert story.outcomes() == [] and not story.store.inbox.take("github:d-1")


def test_a_forged_merge_of_an_open_pull_request_deploys_nothing(
    story: Story, genuine: tuple[bytes, dict[str, str]], caplog: pytest.LogCaptureFixture
) -> None:
    """Even a signed event is only a hint: GitHub itself is asked."""
    payload = json.loads(genuine[0])
    payload["action"] = "closed"
    payload["pull_request"] |= {"merged": True, "merge_commit_sha": story.repository.head("master")}
    body = json.dumps(payload).encode()
    assert _post(story, caplog, body, _signed(story, body))[0] == 202
    story.settle()
    assert story.outcomes() == []

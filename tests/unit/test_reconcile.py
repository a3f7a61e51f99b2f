"""What may start a deployment."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tengu.domain.reconcile import Adopt, Decision, Facts, Hold, Nothing, Obstacle, Report, Start, decide

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
MERGED = Facts(
    head="m2",
    adopted="m0",
    known=False,
    shown_before=False,
    descends=True,
    by_merge=True,
    merged_at=NOW - timedelta(seconds=3),
    announced=True,
    obstacle=None,
    catch_up=timedelta(hours=1),
    now=NOW,
)
LOCKED = Obstacle("environment_locked", "carol locked production")


@pytest.mark.parametrize(
    ("story", "facts", "decision"),
    [
        ("a fresh merge starts", MERGED, Start()),
        ("no branch, nothing to do", replace(MERGED, head=None), Nothing()),
        ("at the first sight the head is adopted", replace(MERGED, adopted=None, announced=False), Adopt()),
        ("a webhook that comes first adopts the head before", replace(MERGED, adopted=None), Adopt(parent=True)),
        (
            "a webhook about an old merge adopts the merge itself",
            replace(MERGED, adopted=None, merged_at=NOW - timedelta(hours=2)),
            Adopt(),
        ),
        ("the adopted head is never deployed", replace(MERGED, head="m0"), Nothing()),
        ("a commit is deployed once", replace(MERGED, known=True), Nothing()),
        ("a lost webhook does not lose the merge", replace(MERGED, announced=False), Start()),
        ("a lock holds it", replace(MERGED, obstacle=LOCKED), Hold(LOCKED)),
    ],
)
def test_decision(story: str, facts: Facts, decision: Decision) -> None:
    assert decide(facts) == decision, story


@pytest.mark.parametrize(
    ("story", "facts", "code"),
    [
        ("a bare push to a merge environment", replace(MERGED, merged_at=None), "bare_push"),
        ("a branch forced back", replace(MERGED, descends=False), "forced_push"),
        ("a forced push on a push environment", replace(MERGED, by_merge=False, descends=False), "forced_push"),
    ],
)
def test_reported_and_never_deployed(story: str, facts: Facts, code: str) -> None:
    decision = decide(facts)
    assert isinstance(decision, Report), story
    assert decision.code == code


def test_a_push_starts_on_a_push_environment() -> None:
    assert decide(replace(MERGED, by_merge=False, merged_at=None)) == Start()


def test_a_restored_database_does_not_deploy_again() -> None:
    decision = decide(replace(MERGED, shown_before=True))
    assert isinstance(decision, Hold)
    assert decision.obstacle.code == "deployed_before"


def test_a_merge_found_late_is_held() -> None:
    decision = decide(replace(MERGED, announced=False, merged_at=NOW - timedelta(hours=3)))
    assert isinstance(decision, Hold)
    assert decision.obstacle.code == "older_than_catch_up"

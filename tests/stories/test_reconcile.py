"""What Tengu finds by looking: merges whose webhook never came, branches that somebody moved by hand."""

from __future__ import annotations

from tengu.sandbox.world import BRANCH
from tests.stories.story import Story


def _merged_unheard(story: Story, who: str = "carol") -> str:
    """Merge the deployment pull request; GitHub's webhooks are lost."""
    story.settle()
    story.world.github.webhooks.configure(None)
    commit = story.repository.merge(story.deployment_pull_request, by=who)
    story.world.listen(story.url)
    return commit


def test_a_merge_whose_webhook_never_came_is_found_and_deployed(story: Story) -> None:
    story.deploys()
    story.change()
    story.opens()
    commit = _merged_unheard(story)
    story.settle()
    assert story.outcomes() == ["succeeded"]
    story.passes(minutes=1)
    assert story.outcomes() == ["succeeded", "succeeded"]
    assert story.last.commit == commit
    assert str(story.last.person) == "github:carol"
    story.passes(minutes=1)
    assert len(story.deployments) == 2


def test_a_merge_found_hours_later_is_held(story: Story) -> None:
    story.deploys()
    story.change()
    story.opens()
    _merged_unheard(story)
    story.passes(hours=3)
    assert story.outcomes() == ["succeeded", "held"]
    assert story.last.code == "older_than_catch_up"


def test_the_first_sight_adopts_and_deploys_nothing(story: Story) -> None:
    story.change()
    pull = story.repository.open_pull_request("Before Tengu", by="carol", head="master", base=BRANCH)
    story.settle()
    story.world.github.webhooks.drop_next(10)
    story.repository.merge(pull.number, by="carol")
    story.looks()
    story.passes(minutes=1)
    assert story.outcomes() == [] and story.said() == []


def test_a_bare_push_is_reported_once_and_never_deployed(story: Story) -> None:
    story.deploys()
    sha = story.repository.commit(BRANCH, {"hack": "quick\n"}, "Quick fix", by="dave")
    story.settle()
    story.passes(minutes=1)
    story.passes(minutes=1)
    assert story.outcomes() == ["succeeded"]
    (report,) = [line for line in story.said(thread=False) if ":warning:" in line]
    assert f"`{sha[:7]}`" in report and "without merging a pull request" in report
    assert "`@tengu deploy production web`" in report


def test_a_merge_after_a_bare_push_is_deployed(story: Story) -> None:
    story.deploys()
    story.repository.commit(BRANCH, {"hack": "quick\n"}, "Quick fix", by="dave")
    story.settle()
    story.change("Proper fix")
    story.opens()
    story.merges("carol")
    assert story.outcomes() == ["succeeded", "succeeded"]


def test_a_branch_that_is_forced_back_is_reported_once_and_never_deployed(story: Story) -> None:
    first = story.deploys()
    story.deploys()
    story.repository.force(BRANCH, first.commit, by="dave")
    story.settle()
    story.passes(minutes=1)
    assert story.outcomes() == ["succeeded", "succeeded"]
    (report,) = [line for line in story.said(thread=False) if ":warning:" in line]
    assert f"`{first.commit[:7]}`" in report and "does not contain what was deployed last" in report


def test_a_branch_that_is_forced_elsewhere_is_reported_once(story: Story) -> None:
    story.deploys()
    elsewhere = story.repository.commit("elsewhere", {"other": "line\n"}, "Another line", by="dave")
    story.repository.force(BRANCH, elsewhere, by="dave")
    story.settle()
    story.passes(minutes=1)
    assert story.outcomes() == ["succeeded"]
    assert len([line for line in story.said(thread=False) if ":warning:" in line]) == 1


def test_a_restored_old_database_redeploys_nothing(story: Story) -> None:
    story.deploys()
    story.deploys()
    story.execute("DELETE FROM deployment_step WHERE deployment = 2")
    story.execute("DELETE FROM deployment WHERE number = 2")
    story.passes(hours=8)
    assert story.outcomes() == ["succeeded", "held"]
    assert "held" in story.says("carol", "status production")


def test_a_database_restored_a_minute_later_redeploys_nothing(story: Story) -> None:
    story.deploys()
    story.deploys()
    story.execute("DELETE FROM deployment_step WHERE deployment = 2")
    story.execute("DELETE FROM deployment WHERE number = 2")
    story.passes(minutes=1)
    assert story.outcomes() == ["succeeded", "held"]
    assert "was the database restored?" in story.says("carol", "status production")


def test_a_deleted_branch_is_nothing_to_deploy(story: Story) -> None:
    story.deploys()
    story.repository.delete_branch(BRANCH)
    story.passes(minutes=1)
    assert story.outcomes() == ["succeeded"]
    assert "There is no branch" not in story.says("carol", "status production")


def test_github_is_away_while_tengu_looks(story: Story) -> None:
    story.deploys()
    story.change()
    story.opens()
    _merged_unheard(story)
    story.world.github.faults.down = True
    story.passes(minutes=1)
    assert story.outcomes() == ["succeeded"]
    story.world.github.faults.down = False
    story.passes(minutes=1)
    assert story.outcomes() == ["succeeded", "succeeded"]

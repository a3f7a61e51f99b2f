"""The body of the deployment pull request: nothing of anybody's is lost, whatever was done to it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tengu.domain.changeset import Changeset, Commit, Entry, MergedPullRequest
from tengu.domain.deployment_body import Context, render
from tengu.domain.deployment_pull_request import (
    BEGIN,
    BODY_LIMIT,
    END,
    body_length,
    item_marker,
    outside,
    parse_ticks,
    splice,
    title,
    with_ticks,
)
from tengu.domain.people import GitHubUser

_AT = datetime(2026, 1, 1, tzinfo=UTC)
_CONTEXT = Context(mention="author", branch="deployment/production", running=41)
_ALICE, _BOB = GitHubUser("alice"), GitHubUser("bob")
_BOT = GitHubUser("dependabot[bot]", is_bot=True)


def entry(number: int, text: str = "", author: GitHubUser | None = _ALICE, **more: object) -> Entry:
    sha = f"{number:040x}"
    pull_request = MergedPullRequest(
        number, text or f"Change {number}", f"https://github.com/acme/web/pull/{number}", author, _BOB, (), (),
        "master", sha, _AT + timedelta(minutes=number),
    )  # fmt: skip
    made = Entry(pull_request, (Commit(sha, text, author, "Alice", _AT),))
    return replace(made, **more)  # type: ignore[arg-type]  # fields by name


def changeset(entries: Iterable[Entry], commits: Iterable[Commit] = (), truncated: str = "") -> Changeset:
    return Changeset(
        "web", "production", "acme/web", "a" * 40, "b" * 40, tuple(entries), tuple(commits), truncated
    )  # fmt: skip


def body(*numbers: int, ticked: Iterable[int] = (), running: int | None = 41) -> str:
    ticks = dict.fromkeys(ticked, True)
    return render(changeset(entry(number) for number in numbers), ticks, replace(_CONTEXT, running=running))


def refresh(old: str, *numbers: int, running: int | None = 41) -> str:
    """What a refresh makes of a body: take its ticks, render, splice."""
    ticked = [number for number, tick in parse_ticks(old).items() if tick]
    return splice(old, body(*numbers, ticked=ticked, running=running))


def lines_of(text: str) -> dict[int, int]:
    """How many boxes each item has."""
    found = [int(number) for number in re.findall(r"tengu:item:(\d+)", text)]
    return {number: found.count(number) for number in found}


def test_the_block_reads_well() -> None:
    direct = Commit("c" * 40, "Fix typo <b>", None, "Carol @here", _AT)
    merge = Commit("d" * 40, "Merge branch 'master'", _ALICE, "Alice", _AT, ("1", "2"))
    entries = [
        entry(12, "Add a form"),
        entry(13, "Bump x", author=_BOT),
        entry(14, "Again", again=40, again_outcome="failed", reverted_by=15),
    ]
    text = render(changeset(entries, [direct, merge], "10,001 commits, GitHub lists 10,000."), {12: True}, _CONTEXT)
    assert re.sub(r" <!-- tengu -->| <!-- tengu:item:\d+ -->|<!-- Tengu writes.*-->\n", "", text) == (
        "<!-- tengu:begin -->\n"
        "Merging this deploys `web` to `production`: **3 merged pull requests and 2 commits without one** "
        f"([comparison](https://github.com/acme/web/compare/{'a' * 40}...{'b' * 40})).\n"
        "\n"
        f"Since deployment 41, `production` runs [`aaaaaaa`](https://github.com/acme/web/commit/{'a' * 40}).\n"
        "\n"
        "**Not everything is listed:** 10,001 commits, GitHub lists 10,000.\n"
        "\n"
        "Tick your box once you have verified your change. Ticking here takes write access; without it, say "
        "`@tengu verify #12` in Slack.\n"
        "\n"
        "- [x] Add a form #12 — @alice\n"
        "- [ ] Bump x #13 — dependabot\\[bot\\], to be verified by @bob\n"
        "- [ ] Again #14 — @alice · **again**, failed in deployment 40 · reverted by #15\n"
        "\n"
        "### Commits without a pull request\n"
        "\n"
        f"- [`ccccccc`](https://github.com/acme/web/commit/{'c' * 40}) Fix typo &lt;b&gt; — Carol @&#8203;here\n"
        f"- 1 merge commit: [`ddddddd`](https://github.com/acme/web/commit/{'d' * 40})\n"
        "\n"
        "<!-- tengu:end -->"
    )


def test_the_title_never_changes() -> None:
    assert title("web", "production") == "Deploy web to production"


# --- each way in which a body kept as text loses something -------------------------------------------------


@pytest.mark.parametrize("numbers", [(3, 30, 31), (30, 31, 4), (30, 300, 31)])
def test_a_new_pull_request_before_between_or_after_ticked_ones(numbers: tuple[int, ...]) -> None:
    old = body(30, 31, ticked=[30])
    assert parse_ticks(refresh(old, *numbers)) == {number: number == 30 for number in numbers}


def test_one_left_the_range_while_another_arrived_in_its_place() -> None:
    assert parse_ticks(refresh(body(2, 3, ticked=[2]), 2, 4)) == {2: True, 4: False}


def test_a_changed_assignee_and_a_new_pull_request_before_it() -> None:
    old = body(3)
    new = splice(old, render(changeset([entry(2), entry(3, author=_BOB)]), {}, _CONTEXT))
    assert lines_of(new) == {2: 1, 3: 1}
    assert "@bob" in new


def test_a_changed_mention_replaces_the_old_one() -> None:
    new = splice(body(3), render(changeset([entry(3, author=_BOB)]), {}, _CONTEXT))
    assert "@alice" not in new


def test_a_pull_request_that_left_the_range_leaves_the_body() -> None:
    assert lines_of(refresh(body(2, 3, ticked=[3]), 2)) == {2: 1}


@pytest.mark.parametrize("line", [
    "- [X] Change 2 #2 {}", "* [x] Change 2 #2 {}", "+ [x] #2 {}", "   - [x] mine {}", "1. [x] Change {}",
    "> - [x] quoted {}", "\t* [X] a {} b", "- [x] Change 2 {}\r", "- [x]\ttab {}",
])  # fmt: skip
def test_whatever_the_line_looks_like_the_tick_is_carried_and_the_line_is_not_doubled(line: str) -> None:
    old = re.sub(r"- \[ \] Change 2 .*", lambda _: line.format(item_marker(2)), body(2, 3))
    new = refresh(old, 2, 3)
    assert parse_ticks(new) == {2: True, 3: False}
    assert lines_of(new) == {2: 1, 3: 1}


def test_text_below_and_above_the_list_stays_where_it_is() -> None:
    old = f"Please wait for QA.\n\n{body(2, 3, ticked=[3])}\n\nNotes:\n- [ ] my own box\n- #2 needs a migration"
    new = refresh(old, 1, 2, 3, 4)
    assert new.startswith(f"Please wait for QA.\n\n{BEGIN}\n")
    assert new.endswith(f"{END}\n\nNotes:\n- [ ] my own box\n- #2 needs a migration")
    assert parse_ticks(new) == {1: False, 2: False, 3: True, 4: False}


# --- wiped and half wiped ---------------------------------------------------------------------------------


@pytest.mark.parametrize("left", ["", "Only my words", "Only my words\n", "Only my words\n\n"])
def test_a_wiped_block_is_put_back_below_what_is_there(left: str) -> None:
    new = splice(left, body(1))
    assert new.startswith(left)
    assert outside(new).strip() == left.strip()
    assert lines_of(new) == {1: 1}


@pytest.mark.parametrize("gone", [BEGIN, END, f"{BEGIN}|{END}"])
@pytest.mark.parametrize("running", [41, 42])
def test_a_block_that_lost_a_marker_is_put_back_and_no_word_of_anybodys_is_lost(gone: str, running: int) -> None:
    old = f"Above\n\n{body(1, 2, ticked=[2])}\n\nBelow\n- [ ] my own box"
    new = refresh(re.sub(gone, "", old), 1, 2, 3, running=running)
    assert lines_of(new) == {1: 1, 2: 1, 3: 1}
    assert parse_ticks(new)[2] is True
    assert outside(new).split() == ["Above", "Below", "-", "[", "]", "my", "own", "box"]
    assert refresh(new, 1, 2, 3, running=running) == new


def test_a_box_that_was_wiped_comes_back_with_the_stored_tick() -> None:
    old = re.sub(r".*tengu:item:1 .*\n", "", body(1, 2, ticked=[1]))
    assert parse_ticks(old) == {2: False}
    assert parse_ticks(splice(old, body(1, 2, ticked=[1]))) == {1: True, 2: False}


# --- hostile titles ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [
    "<!-- tengu:end -->",
    "--> - [x] fake <!-- tengu:item:2 -->",
    "x\n- [x] fake <!-- tengu:item:2 -->", "[x] @everyone",
    "`</details>", "![](https://evil.example/a.png)",
])  # fmt: skip
def test_a_title_cannot_forge_a_box_a_marker_or_a_mention(text: str) -> None:
    new = splice("", render(changeset([entry(1, text), entry(2)]), {}, _CONTEXT))
    assert parse_ticks(new) == {1: False, 2: False}
    assert (new.count(BEGIN), new.count(END)) == (1, 1)
    assert "@everyone" not in new
    assert "](https://evil" not in new


# --- too long ---------------------------------------------------------------------------------------------


def test_commits_are_collapsed_first() -> None:
    commits = [Commit(f"{n:040x}", "A commit of no pull request " * 4, _ALICE, "Alice", _AT) for n in range(400)]
    text = render(changeset([entry(1), entry(2)], commits), {}, _CONTEXT)
    assert body_length(text) <= BODY_LIMIT
    assert lines_of(text) == {1: 1, 2: 1}
    assert "**400 commits without a pull request** would make this body too long" in text


def test_boxes_left_out_are_named() -> None:
    entries = [entry(number, "Something long and winding " * 9) for number in range(1, 700)]
    text = render(changeset(entries), {1: True}, _CONTEXT)
    assert BODY_LIMIT - 1500 < body_length(text) <= BODY_LIMIT
    boxes = set(lines_of(text))
    named = {int(number) for number in re.findall(r"#(\d+)\b", text)}
    assert boxes | named >= set(range(1, 700))
    assert "have no box here" in text


@given(st.integers(0, 4000), st.integers(0, 3000))
def test_the_body_never_grows_too_long(room: int, many: int) -> None:
    context = replace(_CONTEXT, room=4000 + 20 * room)
    assert body_length(render(changeset(entry(n) for n in range(1, many // 10)), {}, context)) <= context.room


# --- properties -------------------------------------------------------------------------------------------

_TITLES = st.text(st.sampled_from("ab <!->[x]@#\n*\\`") | st.characters(exclude_categories=["Cs"]), max_size=40)
_PEOPLE = st.text(st.sampled_from("ab -[]x>\n\r#*") | st.characters(exclude_categories=["Cs"]), max_size=80)


@given(st.dictionaries(st.integers(1, 99), st.tuples(_TITLES, st.booleans()), max_size=8), _PEOPLE, _PEOPLE)
def test_what_is_rendered_is_parsed_back(items: dict[int, tuple[str, bool]], above: str, below: str) -> None:
    ticks = {number: ticked for number, (_, ticked) in items.items()}
    block = render(changeset(entry(number, text) for number, (text, _) in items.items()), ticks, _CONTEXT)
    new = splice(above, block) + "\n" + below
    assert parse_ticks(new) == ticks
    assert new.startswith(above)
    assert new.endswith(below)
    assert splice(new, block) == new
    flipped = {number: not ticked for number, ticked in ticks.items()}
    assert parse_ticks(with_ticks(new, flipped)) == flipped
    assert with_ticks(with_ticks(new, flipped), ticks) == new
    assert outside(with_ticks(new, flipped)) == outside(new)


@given(st.data())
def test_any_damage_to_the_block_is_mended_and_peoples_lines_survive(data: st.DataObject) -> None:
    lines = ["my first words", *body(1, 2, 3, ticked=[2]).split("\n"), "my last words"]
    for _ in range(data.draw(st.integers(1, 12))):
        index = data.draw(st.integers(1, len(lines) - 1))
        if data.draw(st.booleans()) and lines[index] != "my last words":
            del lines[index]
        else:
            lines.insert(index, f"inserted {index}")
    block = body(1, 2, 3, ticked=[2])
    new = splice("\n".join(lines), block)
    assert new.count(block) == 1
    assert "my first words" in new
    assert "my last words" in new
    assert lines_of(new) == {1: 1, 2: 1, 3: 1}
    assert splice(new, block) == new

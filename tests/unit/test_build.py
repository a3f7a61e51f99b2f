"""Tags, labels, and when an image is used again."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tengu.domain.build import INPUTS_LABEL, Inputs, Revision, decide, labels_for, short_image, tag_for

REVISION = Revision("1" * 40, "2" * 40, "3" * 40)
INPUTS = Inputs("a" * 40, ".", "Dockerfile", None, "linux/amd64", {"A": "1", "B": "2"})


@pytest.mark.parametrize(
    ("template", "tag"),
    [
        ("{sha}", "1" * 40),
        ("{source_sha}", "2" * 40),
        ("{tree}", "3" * 40),
        ("web-{sha}", "web-" + "1" * 40),
        ("latest", "latest"),
    ],
)
def test_tag(template: str, tag: str) -> None:
    assert tag_for(template, REVISION) == tag


@pytest.mark.parametrize("template", ["{branch}", "{}", "a b", "{sha}/x", "", "-{sha}", "{sha.__class__}", "{sha}" * 4])
def test_what_cannot_be_a_tag_is_said(template: str) -> None:
    with pytest.raises(ValueError, match=r"image\.tag"):
        tag_for(template, REVISION)


def test_only_the_known_placeholders_are_filled() -> None:
    assert REVISION.fill('{"commit": "{sha}", {}, {x}}') == f'{{"commit": "{"1" * 40}", {{}}, {{x}}}}'


def test_every_input_changes_the_digest_and_their_order_does_not() -> None:
    others = [
        replace(INPUTS, tree="b" * 40),
        replace(INPUTS, context="web"),
        replace(INPUTS, dockerfile="Dockerfile.web"),
        replace(INPUTS, target="prod"),
        replace(INPUTS, platform="linux/arm64"),
        replace(INPUTS, arguments={"A": "1", "B": "3"}),
    ]
    assert len({INPUTS.digest, *(other.digest for other in others)}) == 7
    assert replace(INPUTS, arguments={"B": "2", "A": "1"}).digest == INPUTS.digest


def test_an_image_is_used_again_only_when_its_label_says_it_is_the_same() -> None:
    assert decide(INPUTS, None) == "build"
    assert decide(INPUTS, {INPUTS_LABEL: INPUTS.digest, "other": "x"}) == "reuse"
    assert decide(INPUTS, {}) == "overwrite"
    assert decide(INPUTS, {INPUTS_LABEL: replace(INPUTS, tree="b").digest}) == "overwrite"


def test_labels() -> None:
    created = datetime(2026, 11, 20, 1, 2, 3, 4, tzinfo=UTC)
    source = "https://github.com/acme/web.git"
    assert labels_for(INPUTS, revision="c" * 40, source=source, created=created, version="v1") == {
        "tengu.inputs": INPUTS.digest,
        "org.opencontainers.image.revision": "c" * 40,
        "org.opencontainers.image.source": "https://github.com/acme/web",
        "org.opencontainers.image.created": "2026-11-20T01:02:03+00:00",
        "org.opencontainers.image.version": "v1",
    }


def test_short_image() -> None:
    assert short_image("123.dkr.ecr.eu-west-1.amazonaws.com/team/web", "3f2a9c1d" + "0" * 32) == "web:3f2a9c1d"
    assert short_image("127.0.0.1:5000/web", "release-7") == "web:release-7"

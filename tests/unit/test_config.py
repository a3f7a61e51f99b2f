"""tengu.yml: what is read, and what is said of what is wrong."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from pydantic import ValidationError

from tengu.config.errors import ConfigurationError
from tengu.config.keys import all_keys, field_of, keys_of
from tengu.config.load import load_settings, read_settings
from tengu.config.model import App, CodeBuild, Environment, Freeze, Image, Migrate, Service, Settings, Verification
from tengu.config.schema import json_schema
from tengu.config.unsupported import LATER
from tengu.domain.reminders import parse_hours

EXAMPLE = Path(__file__).parents[2] / "tengu.example.yml"
MODELS = (Settings, App, Environment, Image, CodeBuild, Migrate, Service, Verification, Freeze)

SMALLEST = """\
apps:
  web:
    repository: acme/web
    channel: C0DEPLOY
    image:
      repository: registry.example.com/web
    environments:
      production:
        services:
          - {cluster: prod, service: web, containers: [app]}
"""

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes tengu.yml into an empty folder and goes there, so that messages show `tengu.yml`."""
    monkeypatch.chdir(tmp_path)

    def write(text: str) -> Path:
        path = Path("tengu.yml")
        path.write_text(text, encoding="utf-8")
        return path

    return write


def said(path: Path) -> list[str]:
    """What load_settings says of a file, line by line."""
    with pytest.raises(ConfigurationError) as error:
        load_settings(path)
    return str(error.value).splitlines()


def changed(*replacements: tuple[str, str]) -> str:
    text = SMALLEST
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new)
    return text


def with_keys(*lines: str) -> str:
    """The smallest file, with lines added to its environment."""
    return SMALLEST + "".join(f"        {line}\n" for line in lines)


# --- what is read ----------------------------------------------------------------------------------------


def test_the_smallest_file_gets_every_default(write: Write) -> None:
    environment = load_settings(write(SMALLEST)).apps["web"].environments["production"]
    assert (environment.source, environment.branch, environment.branches) == (
        "master",
        "deployment/production",
        ("deployment/production",),
    )
    assert environment.image.repository == "registry.example.com/web"
    assert environment.catch_up == timedelta(hours=1)
    assert environment.services[0].containers == ("app",)
    assert environment.verification.reminder_rule.days == frozenset(range(5))
    assert environment.verification.reminder_rule.hours == parse_hours("09:00-19:00")


def test_an_environments_image_lies_over_the_apps(write: Write) -> None:
    text = changed(
        ("      repository: r", "      build_args: {A: one, B: two}\n      target: app\n      repository: r")
    )
    image = "image: {build_args: {B: three, C: four}, target: null}"
    found = load_settings(write(text + f"        {image}\n")).apps["web"].environments["production"].image
    assert dict(found.build_args) == {"A": "one", "B": "three", "C": "four"}
    assert (found.target, found.repository) == (None, "registry.example.com/web")


def test_settings_cannot_be_changed(write: Write) -> None:
    settings = load_settings(write(SMALLEST))
    with pytest.raises(TypeError):
        settings.apps["other"] = settings.apps["web"]  # type: ignore[index]
    with pytest.raises(TypeError):
        settings.apps["web"].environments["production"].image.build_args["A"] = "b"  # type: ignore[index]
    with pytest.raises(ValidationError, match="frozen"):
        settings.language = "ja"  # type: ignore[misc]


def test_anchors_merges_and_odd_scalars(write: Write) -> None:
    text = with_keys(
        "verification: &v {remind_every: 90s, hours: always}",
        'freezes: [{from: 2026-12-29 18:00, to: "2027-01-04 09:00"}]',
    )
    text += "      staging:\n        services: &s [{cluster: c, service: s, containers: [on-call]}]\n"
    text += "        verification: {<<: *v, hours: 22:00-06:00}\n      dev: {services: *s}\nusers: {1234: U1234}\n"
    settings = load_settings(write("\ufeff" + text))
    web = settings.apps["web"].environments
    assert web["staging"].verification.remind_every == timedelta(seconds=90)
    assert web["staging"].verification.hours == "22:00-06:00"
    assert web["dev"].services == web["staging"].services
    assert web["production"].freezes[0].window.begin.isoformat() == "2026-12-29T18:00:00"  # type: ignore[union-attr]
    assert dict(settings.users) == {"1234": "U1234"}


def test_a_push_environment_may_have_several_branches(write: Write) -> None:
    settings = load_settings(write(with_keys("deploy_on: push", "branch: [develop, next]")))
    assert settings.apps["web"].environments["production"].branches == ("develop", "next")


# --- what is said of a file that cannot be read ----------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "tengu.yml:1:1: the file is empty; begin with `apps:`, as in tengu.example.yml"),
        (b"# nothing\n", "tengu.yml:1:1: the file is empty"),
        (b"- apps\n", "tengu.yml:1:1: the file must be a mapping"),
        (b"apps: {\n  web: [\n", "tengu.yml:3:1: not YAML: while parsing a flow node"),
        (b"apps:\n\tweb: {}\n", "tengu.yml:2:1: not YAML: while scanning for the next token"),
        (b"apps: 1\n---\napps: 2\n", "tengu.yml:2:1: not YAML: expected a single document"),
        (b"apps:\n  na\xefve: 1\n", "tengu.yml:2:5: not UTF-8: byte 0xef; save the file as UTF-8"),
        (b"apps:\n  a\x07: 1\n", "tengu.yml:2:4: the character U+0007 may not stand in a YAML file"),
        (b"apps: &a\n  web: *a\n", "tengu.yml:1:7: not YAML: this anchor contains itself"),
        (b"apps: !!python/object:os.system {}\n", "tengu.yml:1:7: not YAML: the tag tag:yaml.org,2002:python"),
        (b"apps: !env HOME\n", "tengu.yml:1:7: not YAML: could not determine a constructor"),
        (b"apps: {[a]: 1}\n", "tengu.yml:1:8: not YAML: a key must be text"),
        (b"apps: {<<: 1}\n", "tengu.yml:1:12: not YAML: while constructing a mapping"),
        (b"apps: !!int x\n", "tengu.yml:1:7: not YAML: invalid literal for int()"),
    ],
)
def test_a_file_that_is_no_configuration(write: Write, content: bytes, says: str) -> None:
    path = write("")
    path.write_bytes(content)
    (line,) = said(path)
    assert line.startswith(says)


def test_a_file_that_is_not_there_or_not_a_file(tmp_path: Path) -> None:
    assert said(tmp_path / "t.yml")[0].endswith("name another with --config or TENGU_CONFIG")
    assert said(tmp_path) == [f"{tmp_path}: cannot be read: Is a directory"]


# --- what is said of what is in it -----------------------------------------------------------------------


def test_all_problems_come_at_once_in_the_files_order(write: Write) -> None:
    text = "langauge: en\n" + with_keys("source: 1", "deployers: [alice]").replace("services:", "servces:")
    assert said(write(text)) == [
        "tengu.yml:1:1: langauge: unknown key; did you mean `language`?",
        "tengu.yml:10:9: apps.web.environments.production.servces: unknown key; did you mean `services`?",
        (
            "tengu.yml:12:9: apps.web.environments.production.source: must be text, and YAML reads 1 as something "
            'else: write it in quotes, "1"'
        ),
        (
            "tengu.yml:13:21: apps.web.environments.production.deployers[0]: "
            'found "alice"; write Slack ids: U012ALICE of a person (profile, three dots, Copy member ID), '
            "S012OPS of a user group"
        ),
    ]


def test_a_repeated_key_is_a_problem_and_the_rest_is_still_read(write: Write) -> None:
    text = with_keys("source: main", "source: trunk", "rollout_timeout: 20")
    assert said(write(text)) == [
        (
            "tengu.yml:12:9: apps.web.environments.production.source: this key stands on line 11 already; "
            "remove one of them"
        ),
        (
            "tengu.yml:13:9: apps.web.environments.production.rollout_timeout: "
            "found 20; a duration is a whole number and a unit, like 90s, 30m, 2h or 1d"
        ),
    ]


def test_an_inherited_value_is_reported_once_where_it_stands(write: Write) -> None:
    text = changed(("      repository: r", "      platform: arm64\n      repository: r"))
    text += "      dev:\n        services: [{cluster: dev, service: web, containers: [app]}]\n"
    assert said(write(text)) == [
        'tengu.yml:6:7: apps.web.image.platform: found "arm64"; write the operating system too: linux/arm64'
    ]


def test_an_apps_image_is_checked_where_no_environment_is_right(write: Write) -> None:
    text = "apps: {web: {repository: a/b, channel: C0A, image: {tag: '{commit}'}, environments: {}}}\n"
    assert said(write(text)) == [
        (
            'tengu.yml:1:53: apps.web.image.tag: found "{commit}"; {commit} is no placeholder; '
            "there are {sha}, {source_sha} and {tree}"
        ),
        "tengu.yml:1:71: apps.web.environments: may not be empty",
    ]


P = "apps.web.environments.production"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("apps: {}\n", "1:1: apps: may not be empty"),
        ("apps: [web]\n", "1:1: apps: found a list; must be a mapping of keys to values"),
        ("apps:\n  web:\n", "2:3: apps.web: has no value, but must be a mapping"),
        ("users: {}\n", "1:1: apps: is missing"),
        (changed(("  web:\n", "  Web:\n")), '2:3: apps.Web: found "Web"; a name has small letters'),
        (changed(("acme/web", "acme")), '3:5: apps.web.repository: found "acme"; a GitHub repository is written'),
        (changed(("acme/web", "git@github.com:acme/web.git")), "3:5: apps.web.repository: found"),
        (changed(("C0DEPLOY", "#deploys")), "4:5: apps.web.channel: has no value, but must be text (what follows #"),
        (changed(("C0DEPLOY", "deploys")), '4:5: apps.web.channel: found "deploys"; a Slack channel is its id'),
        (
            changed(("    channel: C0DEPLOY\n", "")),
            "2:3: apps.web.channel: is missing; write for example channel: C0DEPLOY",
        ),
        (
            changed(("      repository: registry.example.com/web", "      target: app")),
            "5:5: apps.web.image.repository: is missing; write for example repository: 1234",
        ),
        (
            changed(("    image:\n      repository: registry.example.com/web\n", "")),
            f"6:7: {P}.image.repository: is missing",
        ),
        (changed(("example.com/web", "example.com/web:v1")), "6:7: apps.web.image.repository: found"),
        (
            with_keys("image: {builder: dokcer}"),
            (
                f'11:17: {P}.image.builder: found "dokcer"; must be one of docker, '
                "buildah, codebuild, existing; did you mean docker?"
            ),
        ),
        (with_keys("image: {dockerfile: ../x}"), f'11:17: {P}.image.dockerfile: found "../x"; a path inside'),
        (with_keys("image: {context: /}"), f'11:17: {P}.image.context: found "/"; a path inside'),
        (with_keys("image: {tag: '{sha'}"), f'11:17: {P}.image.tag: found "{{sha"; a brace is not closed'),
        (with_keys("image: {tag: '{sha!r}'}"), f'11:17: {P}.image.tag: found "{{sha!r}}"; {{sha}} is no placeholder'),
        (with_keys("image: {tag: 'a b'}"), f'11:17: {P}.image.tag: found "a b"; not an image tag'),
        (with_keys("image: {role_arn: tengu}"), f'11:17: {P}.image.role_arn: found "tengu"; the ARN of an IAM role'),
        (
            with_keys("image: {build_args: {A: yes}}"),
            f"11:30: {P}.image.build_args.A: must be text, and YAML reads yes",
        ),
        (with_keys("image: {build_args: {A-B: x}}"), f'11:30: {P}.image.build_args.A-B: found "A-B"; a build argum'),
        (
            with_keys("dockerfile: x"),
            f"11:9: {P}.dockerfile: unknown key here; `dockerfile` stands under apps.APP.image",
        ),
        (with_keys("xyzzy: x"), f"11:9: {P}.xyzzy: unknown key; the keys here are source, branch, deploy_on"),
        (with_keys("source: a..b"), f'11:9: {P}.source: found "a..b"; not a name git takes for a branch'),
        (with_keys("branch: refs/heads/x"), f'11:9: {P}.branch: found "refs/heads/x"; the name of the branch alone'),
        (with_keys("branch: [a, b]"), f"11:9: {P}.branch: a list of branches needs deploy_on: push"),
        (with_keys("branch: []", "deploy_on: push"), f"11:9: {P}.branch: write the name of a branch"),
        (with_keys("branch: [a, a]", "deploy_on: push"), f"11:9: {P}.branch: a is a branch of this environment"),
        (with_keys("branch: master"), f"11:9: {P}.branch: the deployment branch is the source branch"),
        (with_keys("source: deployment/production"), f"8:7: {P}.branch: the deployment branch is the source branch"),
        (with_keys("region: Tokyo"), f'11:9: {P}.region: found "Tokyo"; an AWS region is written like'),
        (with_keys("migrate: {cluster: c, service: s, command: [a]}"), f"11:9: {P}.migrate.container: is missing"),
        (
            with_keys("migrate: {cluster: c, service: s, container: c, command: []}"),
            f"11:57: {P}.migrate.command: may not be empty",
        ),
        (
            with_keys("migrate: {cluster: c, service: s, container: c, command: [a], rollback_safe: maybe}"),
            f'11:71: {P}.migrate.rollback_safe: found "maybe"; write true, false or ask',
        ),
        (changed(("[app]", "[]")), f"10:43: {P}.services[0].containers: may not be empty"),
        (changed(("[app]", "app")), f'10:43: {P}.services[0].containers: found "app"; must be a list, like [a, b]'),
        (changed(("[app]", "[app, app]")), f"10:43: {P}.services[0].containers: container app stands here twice"),
        (
            SMALLEST + "          - {cluster: prod, service: web, containers: [b]}\n",
            f"11:13: {P}.services[1]: service web of cluster prod stands here twice",
        ),
        (with_keys("rollback_on_failure: 1"), f"11:9: {P}.rollback_on_failure: found 1; must be true or false"),
        (with_keys("rollout_timeout: 0s"), f'11:9: {P}.rollout_timeout: found "0s"; a duration'),
        (with_keys("check_url: example.com"), f'11:9: {P}.check_url: found "example.com"; an address like'),
        (with_keys("check_url: ftp://example.com"), f"11:9: {P}.check_url: found"),
        (with_keys("check_url: https://a:b@example.com/"), f"11:9: {P}.check_url: found"),
        (with_keys("check_field: sha"), f"11:9: {P}.check_field: is a field of check_url's answer"),
        (with_keys("verification: {hours: 9-19}"), f'11:24: {P}.verification.hours: found "9-19"; hours are written'),
        (with_keys("verification: {days: [monday]}"), f'11:31: {P}.verification.days[0]: found "monday"; must be one'),
        (with_keys("verification: {days: []}"), f"11:24: {P}.verification.days: may not be empty"),
        (with_keys("freezes: [{from: fri 16:00, to: mon 25:00}]"), f'11:37: {P}.freezes[0].to: found "mon 25:00"'),
        (
            with_keys('freezes: [{from: fri 16:00, to: "2026-12-29 18:00"}]'),
            f"11:19: {P}.freezes[0]: both ends of a freeze are weekdays, or both are dates",
        ),
        (with_keys("freezes: [{from_: fri 16:00, to: mon 08:00}]"), f"11:20: {P}.freezes[0].from_: unknown key; did"),
        ("timezone: Asia/Tokio\n" + SMALLEST, '1:1: timezone: found "Asia/Tokio"; there is no such time zone; did you'),
        ("timezone: ../x\n" + SMALLEST, '1:1: timezone: found "../x"; there is no such time zone'),
        ("language: fr\n" + SMALLEST, '1:1: language: found "fr"; must be one of en, ja'),
        (SMALLEST + "users: {alice: alice}\n", '11:9: users.alice: found "alice"; a Slack user id is written like'),
        (SMALLEST + 'users: {"@alice": U012}\n', '11:9: users.@alice: found "@alice"; a GitHub login, without @'),
        (SMALLEST + "users: {al: U012, AL: U013}\n", "11:19: users.AL: GitHub takes this for the same login as al"),
    ],
)
def test_one_thing_that_is_wrong(write: Write, text: str, says: str) -> None:
    lines = said(write(text))
    assert len(lines) == 1, lines
    assert lines[0].startswith(f"tengu.yml:{says}")


def test_two_environments_of_one_app_may_not_share_a_branch(write: Write) -> None:
    text = with_keys("deploy_on: push") + "      dev:\n        branch: deployment/production\n"
    text += "        services: [{cluster: dev, service: web, containers: [app]}]\n"
    assert said(write(text)) == [
        (
            "tengu.yml:13:9: apps.web.environments.dev.branch: deployment/production is a branch of environment "
            "production already; a branch belongs to one environment"
        )
    ]


def test_hostile_text_cannot_disturb_a_terminal(write: Write) -> None:
    (line,) = said(write(with_keys('source: "a\\e[2J b"')))
    assert "\x1b" not in line
    assert "\\u001b[2J" in line


# --- what comes later ------------------------------------------------------------------------------------


LATER_USES = {
    "language": "language: ja\n" + SMALLEST,
    "apps.*.paths": changed(("    channel:", "    paths: [web/]\n    channel:")),
    "apps.*.environments.*.image.builder": with_keys("image: {builder: codebuild}"),
    "apps.*.environments.*.image.secrets": with_keys("image: {secrets: {npm: NPM_TOKEN}}"),
    "apps.*.environments.*.services.*.task_definition": changed(("[app]", "[app], task_definition: latest")),
    "apps.*.environments.*.variables": with_keys("variables: {A: b}"),
    "apps.*.environments.*.verification.require": with_keys("verification: {require: true}"),
    "apps.*.environments.*.verification.ping": with_keys("verification: {ping: thread}"),
}


@pytest.mark.parametrize("key", [row.key for row in LATER])
def test_what_comes_later_is_accepted_and_then_refused_with_a_sentence(write: Write, key: str) -> None:
    path = write(LATER_USES[key])
    assert len(read_settings(path).later) == 1
    (line,) = said(path)
    pattern = key.replace(".*.", r"(\.[a-z]+|\[0\])\.")
    assert re.match(rf"tengu\.yml:\d+:\d+: {pattern}: .* not there yet; (write|leave) ", line), line


# --- example and schema ----------------------------------------------------------------------------------


def test_the_example_is_valid() -> None:
    settings = load_settings(EXAMPLE)
    assert set(settings.apps["web"].environments) == {"production", "dev"}


def _patterns(value: Any, above: str = "") -> set[str]:
    """Every key of some data as all_keys() writes it."""
    if isinstance(value, list):
        return set().union(*(_patterns(item, above.removesuffix(".") + "[].") for item in value))
    found = set[str]()
    for key, item in value.items() if isinstance(value, dict) else ():
        named = above in ("apps.", "apps.*.environments.", "users.")
        name = f"{above}{'*' if named else key}"
        found |= {name} | _patterns(item, f"{name}.")
    return found


def test_every_key_stands_in_the_example_with_a_comment() -> None:
    text = EXAMPLE.read_text()
    assert set(all_keys()) <= _patterns(yaml.safe_load(text))
    first = {line.split(":")[0].strip(" -"): line for line in reversed(text.splitlines())}
    for key in all_keys():
        name = key.rpartition(".")[2]
        assert "#" in first[name], key


def test_every_key_has_a_description_and_every_needed_one_an_example() -> None:
    for model in MODELS:
        for key in keys_of(model):
            field = field_of(model, key)
            if field is not None:
                assert field.description, (model, key)
                assert field.examples or not field.is_required() or key in ("apps", "environments", "image"), key


def test_the_schema_takes_the_example_and_refuses_what_it_must() -> None:
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    example = yaml.safe_load(EXAMPLE.read_text())
    assert list(validator.iter_errors(example)) == []
    assert not validator.is_valid({"apps": {}})
    assert not validator.is_valid({**example, "langauge": "en"})
    example["apps"]["web"]["environments"]["production"]["image"] = {"buildr": "docker"}
    assert not validator.is_valid(example)


def test_the_schema_writes_defaults_as_the_file_does() -> None:
    definitions = json_schema()["$defs"]
    assert definitions["Environment"]["properties"]["catch_up"]["default"] == "1h"
    assert definitions["Verification"]["properties"]["days"]["default"] == ["mon", "tue", "wed", "thu", "fri"]
    assert definitions["Freeze"]["properties"]["from"]["description"]
    for definition in definitions.values():
        for key, found in definition["properties"].items():
            assert found["description"], key

"""What makes an image this image: its tag, its labels, and whether one that exists can be used again.

Labels follow the OCI image specification's pre-defined annotation keys (opencontainers/image-spec,
annotations.md); `tengu.inputs` is ours.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Literal

INPUTS_LABEL = "tengu.inputs"
_PLACEHOLDER = re.compile(r"\{(sha|source_sha|tree)\}")
#: distribution-spec, "Pulling manifests": what a tag may be.
_TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}")

Decision = Literal["build", "reuse", "overwrite"]


@dataclass(frozen=True)
class Inputs:
    """Everything that decides what a build makes, as far as Tengu can know it.

    Args:
        tree: sha of the commit's tree.
        context, dockerfile: paths in the checkout.
        arguments: build arguments, filled in.
    """

    tree: str
    context: str
    dockerfile: str
    target: str | None
    platform: str
    arguments: Mapping[str, str]

    @property
    def digest(self) -> str:
        """The value of the label `tengu.inputs`: `sha256:` and 64 hex digits."""
        facts = json.dumps({"version": 1, **asdict(self)}, sort_keys=True, separators=(",", ":"))
        return f"sha256:{hashlib.sha256(facts.encode()).hexdigest()}"


@dataclass(frozen=True)
class Revision:
    """What `{sha}`, `{source_sha}` and `{tree}` in `image.tag` and `image.build_args` stand for."""

    sha: str
    source_sha: str
    tree: str

    def fill(self, template: str) -> str:
        """The template with these filled in; other braces stay as they are."""
        return _PLACEHOLDER.sub(lambda match: str(getattr(self, match[1])), template)


def tag_for(template: str, revision: Revision) -> str:
    """The tag; ValueError says what cannot be one, and why."""
    tag = revision.fill(template)
    if not _TAG.fullmatch(tag):
        raise ValueError(f"image.tag gives `{tag}`, which no registry takes: letters, digits, `._-`, at most 128.")
    return tag


def labels_for(inputs: Inputs, *, revision: str, source: str, created: datetime, version: str) -> dict[str, str]:
    """The labels of a new image; `source` is the repository's address, `version` the tag."""
    return {
        INPUTS_LABEL: inputs.digest,
        "org.opencontainers.image.revision": revision,
        "org.opencontainers.image.source": source.removesuffix(".git"),
        "org.opencontainers.image.created": created.isoformat(timespec="seconds"),
        "org.opencontainers.image.version": version,
    }


def decide(inputs: Inputs, found_labels: Mapping[str, str] | None) -> Decision:
    """Build, or reuse what the tag points to? `found_labels` is None where the registry has no such tag."""
    if found_labels is None:
        return "build"
    return "reuse" if found_labels.get(INPUTS_LABEL) == inputs.digest else "overwrite"


def short_image(repository: str, tag: str) -> str:
    """The image as people read it: `web:3f2a9c1d` for a full commit id, the tag as it is otherwise."""
    short = tag[:8] if re.fullmatch(r"[0-9a-f]{40,64}", tag) else tag
    return f"{repository.rsplit('/', 1)[-1]}:{short}"

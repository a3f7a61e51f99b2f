"""build: an image of exactly this commit in its registry, pinned by the digest that the registry has."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tengu.config.model import Image as ImageSettings
from tengu.domain import build
from tengu.domain.deployment import StepName
from tengu.errors import StepFailed
from tengu.ports.clock import Clock
from tengu.ports.code_host import CodeHost
from tengu.ports.image import BuildRequest, Checkout, Image, ImageBuilder, ImageRegistry
from tengu.usecases.step import StepContext, StepResult
from tengu.usecases.steps.work import guarded


class BuildStep:
    """Looks in the registry first; builds, pushes and reads the digest back where the image is not there yet.

    Args:
        checkout: gives the complete checkout on this machine (`CheckoutStep.ensure`); called only for a build.

    Output: `repository`, `tag`, `digest`, `manifests` (of an index), `reused`, `seconds` that build and push took.
    """

    def __init__(
        self,
        code_host: CodeHost,
        checkout: Callable[[StepContext], Checkout],
        builder: ImageBuilder,
        registry: ImageRegistry,
        clock: Clock,
    ) -> None:
        self._code_host = code_host
        self._checkout = checkout
        self._builder = builder
        self._registry = registry
        self._clock = clock

    def __call__(self, context: StepContext) -> StepResult:
        settings = context.environment.image
        tree = context.deployment.output(StepName.CHECKOUT)["tree"]
        revision = build.Revision(context.deployment.commit, context.deployment.source_commit, tree)
        inputs = _inputs(settings, revision)
        tag = _tag(settings, revision)
        name = build.short_image(settings.repository, tag)
        context.guard()
        found = self._find(context, tag)
        decision = build.decide(inputs, found.labels if found else None)
        if found is not None and decision == "reuse":
            context.log(f"{settings.repository}:{tag} is there already: {found.digest}")
            return _result(found, reused=True, seconds=0, detail=f"reused {name}")
        if decision == "overwrite":
            context.log(f"{settings.repository}:{tag} is there, but from other inputs: it is built and overwritten.")
        begun = self._clock.monotonic()
        self._build_and_push(context, inputs, tag, name)
        seconds = round(self._clock.monotonic() - begun, 1)
        return _result(self._read_back(context, inputs, tag), reused=False, seconds=seconds,
                       detail=f"built {name} in {seconds:.0f} s")  # fmt: skip

    def _build_and_push(self, context: StepContext, inputs: build.Inputs, tag: str, name: str) -> None:
        checkout = self._checkout(context)
        request = self._request(context, inputs, tag, checkout)
        context.note({"image": request.image}, f"building {name}")
        with guarded(context) as stop:
            self._builder.build(request, context.log, stop)
        context.note({}, f"pushing {name}")
        with guarded(context) as stop:
            self._builder.push(request, context.log, stop)

    def _request(self, context: StepContext, inputs: build.Inputs, tag: str, checkout: Checkout) -> BuildRequest:
        settings = context.environment.image
        _inside(checkout.path, settings.context, "image.context", folder=True)
        _inside(checkout.path, settings.dockerfile, "image.dockerfile", folder=False)
        labels = build.labels_for(
            inputs,
            revision=context.deployment.commit,
            source=self._code_host.clone_access(context.app.repository).url,
            created=self._clock.now(),
            version=tag,
        )
        return BuildRequest(
            checkout=checkout.path,
            context=settings.context,
            dockerfile=settings.dockerfile,
            target=settings.target,
            platform=settings.platform,
            build_args=inputs.arguments,
            labels=labels,
            image=f"{settings.repository}:{tag}",
            credentials=self._registry.credentials(settings.repository, **_account(context)),
        )

    def _find(self, context: StepContext, tag: str) -> Image | None:
        return self._registry.find(context.environment.image.repository, tag, **_account(context))

    def _read_back(self, context: StepContext, inputs: build.Inputs, tag: str) -> Image:
        """What the registry has is what ECS will pull: believe it, not the push."""
        image = self._find(context, tag)
        where = f"{context.environment.image.repository}:{tag}"
        if image is None:
            raise StepFailed("image_missing", f"{where} was pushed, but the registry does not have it.")
        if build.decide(inputs, image.labels) != "reuse":
            reason = f"{where} was pushed, but the registry now has another image there: somebody else pushed this tag."
            raise StepFailed("image_replaced", reason)
        context.log(f"{where} is {image.digest}")
        return image


def _result(image: Image, *, reused: bool, seconds: float, detail: str) -> StepResult:
    output = {
        "repository": image.repository,
        "tag": image.tag,
        "digest": image.digest,
        "manifests": list(image.manifests),
        "reused": reused,
        "seconds": seconds,
    }
    return StepResult(output, detail)


def _account(context: StepContext) -> dict[str, str | None]:
    """Region and role for the registry: the image's own role where it lives in another account."""
    environment = context.environment
    return {"region": environment.region, "role_arn": environment.image.role_arn or environment.role_arn}


def _inputs(settings: ImageSettings, revision: build.Revision) -> build.Inputs:
    arguments = {name: revision.fill(value) for name, value in settings.build_args.items()}
    return build.Inputs(
        revision.tree, settings.context, settings.dockerfile, settings.target, settings.platform, arguments
    )


def _tag(settings: ImageSettings, revision: build.Revision) -> str:
    try:
        return build.tag_for(settings.tag, revision)
    except ValueError as error:
        raise StepFailed("image_tag", f"{error} Correct it in tengu.yml.") from error


def _inside(checkout: Path, path: str, key: str, *, folder: bool) -> None:
    """Raise StepFailed if that path, links followed, leaves the checkout or is not there."""
    root = checkout.resolve()
    found = (root / path).resolve()
    if not found.is_relative_to(root):
        reason = f"`{key}: {path}` leads out of the repository; a build may use only what is in the commit."
        raise StepFailed("build_failed", reason)
    if not (found.is_dir() if folder else found.is_file()):
        reason = f"`{key}: {path}` is not a {'folder' if folder else 'file'} in this commit: correct tengu.yml."
        raise StepFailed("build_failed", reason)

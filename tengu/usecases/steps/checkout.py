"""checkout: the work tree of exactly the commit that is deployed."""

from __future__ import annotations

from pathlib import Path

from tengu.ports.code_host import CodeHost
from tengu.ports.image import Checkout, SourceControl
from tengu.usecases.step import StepContext, StepResult
from tengu.usecases.steps.work import guarded


class CheckoutStep:
    """Fetches the commit into the deployment's work folder.

    Output: `tree`, sha of the commit's tree; `committed_at`, ISO 8601. The path is not in it: another machine that
    takes the deployment over has another folder (`tree_folder`), and fetches again.
    """

    def __init__(self, code_host: CodeHost, source_control: SourceControl) -> None:
        self._code_host = code_host
        self._source_control = source_control

    def __call__(self, context: StepContext) -> StepResult:
        checkout = self.ensure(context)
        commit = checkout.commit[:8]
        return StepResult(
            {"tree": checkout.tree, "committed_at": checkout.committed_at.isoformat()},
            f"{commit} of {checkout.committed_at:%Y-%m-%d %H:%M} UTC",
        )

    def ensure(self, context: StepContext) -> Checkout:
        """The complete checkout on this machine, fetched only if it is not there."""
        context.guard()
        access = self._code_host.clone_access(context.app.repository)
        context.log(f"Fetching {context.deployment.commit} from {access.url}")
        with guarded(context) as stop:
            checkout = self._source_control.checkout(
                access, context.deployment.commit, tree_folder(context.work_folder), stop
            )
        if (checkout.path / ".gitmodules").exists():
            context.log("This commit has submodules: they are not fetched, their folders stay empty.")
        return checkout


def tree_folder(work_folder: Path) -> Path:
    """Where the work tree of a deployment with this work folder lies."""
    return work_folder / "tree"

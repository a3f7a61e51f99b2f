"""`tengu sandbox`: the whole system on this machine."""

from __future__ import annotations

import sys
from pathlib import Path

import click

SCRIPTS = ("demo",)


@click.command()
@click.option("--script", metavar="NAME", help=f"Play a script and print it: {', '.join(SCRIPTS)}.")
@click.option(
    "--keep", type=click.Path(path_type=Path, file_okay=False), help="Keep everything it makes in this folder."
)
def sandbox(script: str | None, keep: Path | None) -> None:
    """Play the whole job on this machine; no account needed.

    GitHub, Slack and AWS are stand-ins on loopback, Tengu between them is the real one. With a container engine builds
    and tasks are real containers; as root on Debian or Ubuntu it installs Debian's docker.io after saying so;
    elsewhere it says what is simulated.

    \b
    Examples:
      tengu sandbox --script demo
      tengu sandbox --script demo --keep /tmp/tengu
    """
    if script is None:
        raise click.UsageError("The sandbox in the browser is not there yet: tengu sandbox --script demo")
    if script not in SCRIPTS:
        raise click.UsageError(f"There is no script {script!r}. There is: {', '.join(SCRIPTS)}")
    try:
        from tengu.sandbox.demo import Demo  # noqa: PLC0415 (heavy, and only there with the extra)
    except ModuleNotFoundError as error:
        raise click.ClickException(f"{error}. The sandbox needs more packages: pip install 'tengu[sandbox]'") from error
    try:
        sys.exit(Demo(click.echo, keep).run())
    except (TimeoutError, RuntimeError) as error:
        raise click.ClickException(str(error)) from error

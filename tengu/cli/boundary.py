"""The error boundary of the command line: what Tengu raises becomes a message and an exit status."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click

from tengu.cli.plain import plain
from tengu.config.errors import ConfigurationError
from tengu.errors import TenguError

DONE, FAILED, WRONG, INTERRUPTED = 0, 1, 2, 130


def run(command: click.Command, args: Sequence[str] | None = None) -> None:
    """Run it and exit. Known errors are one message on stderr; anything else is a bug and keeps its traceback.

    Args:
        args: without the program's name; None takes this process's own.
    """
    sys.exit(_status(command, args))


def _status(command: click.Command, args: Sequence[str] | None) -> int:
    try:
        status = command.main(args, prog_name="tengu", standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort as error:
        return INTERRUPTED if isinstance(error.__cause__, KeyboardInterrupt) else FAILED
    except ConfigurationError as error:
        click.echo(str(error), err=True)
        return WRONG
    except TenguError as error:
        click.echo(f"tengu: {plain(str(error))}", err=True)
        return FAILED
    except BrokenPipeError:
        # Whoever read our output is gone (`| head`); Python would complain again when it closes stdout
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    return status if isinstance(status, int) else DONE

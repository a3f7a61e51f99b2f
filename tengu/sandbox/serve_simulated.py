"""`tengu serve` where there is no container engine: the same program, but its builder is the simulated one."""

from __future__ import annotations

import argparse
import logging
import sys
from dataclasses import replace

from handlers.serve import run_server
from tengu.bootstrap import build, connect, open_database
from tengu.config.environment import ProcessSettings, config_path
from tengu.config.load import load_settings
from tengu.sandbox.simulated_builder import SimulatedBuilder


def main() -> int:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    port = parser.parse_args().port
    logging.basicConfig(level="INFO", format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    settings, process = load_settings(config_path()), ProcessSettings.from_environment()
    with open_database(process) as database:
        outside = replace(connect(process), builder=SimulatedBuilder())
        return run_server(build(settings, process, database, outside), "127.0.0.1", port, work=True)


if __name__ == "__main__":
    sys.exit(main())

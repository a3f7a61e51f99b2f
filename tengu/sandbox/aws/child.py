"""Runs ministack as a child that ends with its parent: `python -m tengu.sandbox.aws.child`, settings in environment.

Its standard input is a pipe from the parent. It closes when the parent ends, however it ends; then the containers
that ministack started are removed and the process exits. (PR_SET_PDEATHSIG would fire when the *thread* that started
the child ends, and would leave the containers behind.)
"""

from __future__ import annotations

import os
import sys
import threading

import httpx
from ministack.app import main


def _end_with_parent(port: str) -> None:
    sys.stdin.buffer.read()
    try:
        httpx.post(f"http://127.0.0.1:{port}/_ministack/reset", timeout=30, trust_env=False)
    except httpx.HTTPError:
        print("ministack: could not be reset before it ended", file=sys.stderr)
    os._exit(0)


if __name__ == "__main__":
    threading.Thread(target=_end_with_parent, args=(os.environ["GATEWAY_PORT"],), daemon=True).start()
    sys.argv = ["ministack"]
    main()

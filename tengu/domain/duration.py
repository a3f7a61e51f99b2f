"""Durations as tengu.yml and chat write them: `90s`, `30m`, `2h`, `1d`."""

from __future__ import annotations

import re
from datetime import timedelta

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def parse_duration(value: object) -> timedelta:
    """Read `90s`, `30m`, `2h` or `1d`.

    Returns:
        A timedelta of at least one second.

    Raises:
        ValueError: anything else.
    """
    if isinstance(value, timedelta):
        return value
    match = re.fullmatch(r"([1-9][0-9]{0,5})([smhd])", value) if isinstance(value, str) else None
    if match is None:
        raise ValueError("a duration is a whole number and a unit, like 90s, 30m, 2h or 1d")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})

"""Whether evidence is about what is to be promoted: the same images, and recent enough.

Why this exists: a scorecard of last month's images says nothing about today's. What doesn't match is refused, not
warned about.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

from reports.document import Run
from reports.text import seconds
from stack.errors import UserError

_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_CLOCKS_DIFFER = timedelta(minutes=5)
"""How far ahead of ours the clock of the machine that ran may have been."""


def age(text: str) -> timedelta:
    """A duration such as ``90m``, ``24h`` or ``7d``. Raises ArgumentTypeError for anything else."""
    match = re.fullmatch(r"([0-9]{1,6})([mhd])", text)
    if not match:
        raise argparse.ArgumentTypeError(f"{text!r} is not an age such as 90m, 24h or 7d")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def read_images(path: Path) -> Mapping[str, str]:
    """The image ids to be promoted, by service, from a JSON object. Raises UserError when it is not one."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}).") from error
    except ValueError as error:
        raise UserError(f"{path}: it is not valid JSON ({error}).") from error
    if not isinstance(data, dict) or not data or not all(isinstance(value, str) for value in data.values()):
        raise UserError(f"{path}: an object of service → image id is expected.")
    return data


def refuse_foreign(run: Run, now: datetime, *, max_age: timedelta | None, images: Mapping[str, str] | None) -> None:
    """Raise UserError, with one sentence, if the run is too old, from the future, or not about these images."""
    try:
        started = datetime.fromisoformat(run.manifest["started"])
        since = now - started
    except (ValueError, TypeError) as error:
        raise UserError(f"The record is damaged (started: {error}).") from error
    if since < -_CLOCKS_DIFFER:
        raise UserError(f"The evidence is from the future ({started}): one of the clocks is wrong.")
    if max_age is not None and since > max_age:
        old, allowed = (seconds(span.total_seconds()) for span in (since, max_age))
        raise UserError(f"The evidence is {old} old ({started}), more than the {allowed} allowed.")
    if images is None:
        return
    seen = run.manifest.get("images") or {}
    for service, wanted in images.items():
        if seen.get(service) != wanted:
            raise UserError(
                f"The evidence is for other images: {service} ran {seen.get(service, 'not at all')}, expected {wanted}."
            )

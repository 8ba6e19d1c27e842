"""Whether a probe's answer is within the tolerance that a Chaos Toolkit file gives it.

As chaoslib/hypothesis.py judges, with two exceptions where it compares an object with a word and so can never be content: true
and false ask whether the activity succeeded, a text is held against the body or the standard output.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from stack.errors import UserError

_TARGETS = {"http": ("status", "headers", "body"), "process": ("status", "stdout", "stderr")}
LONGEST_PATTERN = 500


def require_sound(where: str, tolerance: Any, provider: str) -> None:
    """Raises UserError for a tolerance that is none, or of a kind that is not imported. `provider`: http or process."""
    if isinstance(tolerance, list):
        if not tolerance or not all(isinstance(one, str | int | float) for one in tolerance):
            raise UserError(f"{where}: its tolerance is an empty list, or holds other things than numbers and texts")
        return
    if not isinstance(tolerance, Mapping):
        if not isinstance(tolerance, bool | int | str):
            raise UserError(f"{where}: its tolerance is neither a number, a text, true or false, a list nor an object")
        return
    kind = tolerance.get("type")
    if kind not in ("regex", "range"):
        raise UserError(
            f"{where}: its tolerance is of the type {kind!r}; regex and range are imported, jsonpath and probes are not"
        )
    if tolerance.get("target") not in _TARGETS[provider]:
        raise UserError(f"{where}: its tolerance needs a target, one of {', '.join(_TARGETS[provider])}")
    if kind == "regex":
        _require_pattern(where, tolerance.get("pattern"))
    else:
        _require_range(where, tolerance.get("range"))


def complaint_of(tolerance: Any, answer: Mapping[str, Any]) -> str | None:
    """What is wrong with the answer (status, and body or stdout), in a sentence; None when it is within the tolerance."""
    status = answer["status"]
    if isinstance(tolerance, bool):
        return (
            None
            if _succeeded(answer) is tolerance
            else f"status {status}, expected {'success' if tolerance else 'failure'}"
        )
    if isinstance(tolerance, int):
        return None if status == tolerance else f"status {status}, expected {tolerance}"
    if isinstance(tolerance, str):
        said = _said(answer)
        return None if said == tolerance else f"{said[:200]!r}, expected {tolerance!r}"
    if isinstance(tolerance, list):
        # A status is looked for in the list, as there: two numbers are bounds only of what has no status.
        return None if status in tolerance else f"status {status}, expected one of {', '.join(map(str, tolerance))}"
    found = answer[tolerance["target"]]
    if tolerance["type"] == "regex":
        text = found if isinstance(found, str) else str(found)
        return (
            None
            if re.search(tolerance["pattern"], text)
            else f"{text[:200]!r} has nothing like {tolerance['pattern']!r}"
        )
    low, high = tolerance["range"]
    try:
        number = Decimal(str(found).strip())
    except InvalidOperation:
        return f"{str(found)[:200]!r} is no number"
    return None if Decimal(str(low)) <= number <= Decimal(str(high)) else f"{number}, expected {low} to {high}"


def _succeeded(answer: Mapping[str, Any]) -> bool:
    return bool(answer["status"] < 400) if "body" in answer else answer["status"] == 0


def _said(answer: Mapping[str, Any]) -> str:
    said = answer["body"] if "body" in answer else answer["stdout"]
    return (said if isinstance(said, str) else str(said)).strip()


def _require_pattern(where: str, pattern: Any) -> None:
    if not isinstance(pattern, str) or not pattern or len(pattern) > LONGEST_PATTERN:
        raise UserError(f"{where}: its tolerance has no pattern of at most {LONGEST_PATTERN} characters")
    try:
        re.compile(pattern)
    except re.error as error:
        raise UserError(f"{where}: its tolerance's pattern is no regular expression ({error})") from error


def _require_range(where: str, bounds: Any) -> None:
    numbers = isinstance(bounds, list) and all(
        isinstance(one, int | float) and not isinstance(one, bool) for one in bounds
    )
    if not numbers or len(bounds) != 2 or bounds[0] > bounds[1]:
        raise UserError(f"{where}: its tolerance's range is not a lower and an upper number")

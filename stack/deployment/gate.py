"""What must be shown before anything goes to an environment: production takes only what a readiness run has let through."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from stack.errors import UserError


@dataclass(frozen=True)
class Environment:
    """Where customers are, or where what they will get is tried. Its engine is the one that DOCKER_HOST names."""

    name: str
    bake: timedelta
    """For how long a new release is watched while the old one stands by."""
    tier: str | None = None
    """The tier that a scorecard must have reached; None where none is asked for."""
    fresh: timedelta = timedelta(hours=24)
    """How old that scorecard may be."""


ENVIRONMENTS = {
    one.name: one
    for one in (
        Environment("staging", bake=timedelta(seconds=10)),
        Environment("production", bake=timedelta(seconds=60), tier="PRODUCTION_READY"),
    )
}


def environment_of(name: str) -> Environment:
    """The environment of that name.

    Raises:
        UserError: there is none.

    """
    try:
        return ENVIRONMENTS[name]
    except KeyError:
        message = f"there is no environment {name!r}: it is {' or '.join(ENVIRONMENTS)}"
        raise UserError(message) from None


def require_passed(environment: Environment, report: Path, *, now: datetime | None = None) -> None:
    """Hold that the report in this folder lets a release into the environment.

    Raises:
        UserError: it has no scorecard, an old one, or one that did not reach the tier.

    """
    if environment.tier is None:
        return
    card = _scorecard(report)
    try:
        tier, started = str(card["tier"]), datetime.fromisoformat(card["manifest"]["started"])
        age = (now or datetime.now(UTC)) - started
    except (KeyError, TypeError, ValueError) as error:
        message = f"{report}/scorecard.json can't be read as a scorecard"
        raise UserError(message) from error
    if tier != environment.tier:
        verdict = str(card.get("verdict", tier))
        message = f"{environment.name} takes only what is {environment.tier}, and {report} says {verdict}"
        raise UserError(message)
    if age > environment.fresh:
        hours = environment.fresh.total_seconds() / 3600
        message = (
            f"{report} is {age.total_seconds() / 3600:.0f} h old, and {environment.name} takes {hours:g} h at most"
        )
        raise UserError(message)


def _scorecard(report: Path) -> dict[str, Any]:
    try:
        card: dict[str, Any] = json.loads((report / "scorecard.json").read_text("utf-8"))
    except FileNotFoundError:
        message = f"{report} has no scorecard.json: production takes only what a readiness run has let through"
        raise UserError(message) from None
    except ValueError as error:
        message = f"{report}/scorecard.json can't be read as a scorecard"
        raise UserError(message) from error
    return card

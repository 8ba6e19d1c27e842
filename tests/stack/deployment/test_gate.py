"""Production takes what a fresh readiness run has let through, and an environment nobody knows is refused in a sentence."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from stack.deployment.gate import ENVIRONMENTS, environment_of, require_passed
from stack.errors import UserError

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def report(folder: Path, tier: str = "PRODUCTION_READY", *, hours: float = 1) -> Path:
    """A report's folder."""
    card = {
        "tier": tier,
        "verdict": tier.replace("_", "-"),
        "manifest": {"started": (NOW - timedelta(hours=hours)).isoformat()},
    }
    (folder / "scorecard.json").write_text(json.dumps(card))
    return folder


def test_what_passed_today_goes_to_production(tmp_path: Path) -> None:
    require_passed(ENVIRONMENTS["production"], report(tmp_path), now=NOW)


@pytest.mark.parametrize(
    ("tier", "hours", "told"),
    [
        ("STAGING_READY", 1, "production takes only what is PRODUCTION_READY, and .* says STAGING-READY"),
        ("NOT_READY", 1, "says NOT-READY"),
        ("PRODUCTION_READY", 25, "is 25 h old, and production takes 24 h at most"),
    ],
)
def test_what_did_not_pass_or_long_ago_does_not(tmp_path: Path, tier: str, hours: float, told: str) -> None:
    with pytest.raises(UserError, match=told):
        require_passed(ENVIRONMENTS["production"], report(tmp_path, tier, hours=hours), now=NOW)


def test_staging_asks_for_none(tmp_path: Path) -> None:
    require_passed(ENVIRONMENTS["staging"], tmp_path / "none")


@pytest.mark.parametrize("text", ["", "{}", '{"tier": "PRODUCTION_READY", "manifest": {"started": "yesterday"}}'])
def test_what_is_no_scorecard_lets_nothing_through(tmp_path: Path, text: str) -> None:
    (tmp_path / "scorecard.json").write_text(text)

    with pytest.raises(UserError, match="can't be read as a scorecard"):
        require_passed(ENVIRONMENTS["production"], tmp_path, now=NOW)


def test_no_report_lets_nothing_through(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"has no scorecard\.json"):
        require_passed(ENVIRONMENTS["production"], tmp_path)


def test_an_unknown_environment_is_named() -> None:
    with pytest.raises(UserError, match="there is no environment 'canary': it is staging or production"):
        environment_of("canary")

"""The experiments with several faults, on a pretended marketplace: each holds where it is true, and fails for a named reason."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from chaos.experiment import Outcome
from tests.chaos.marketplace import LISTINGS, SILENT, Met, World, verdict_on

AWAY = {LISTINGS: 502}
BROKEN = [
    (
        "EXP-MUL-001",
        World(standing={LISTINGS: SILENT}, after=AWAY),
        "the edge serves /api/listings: not for .* allowed 0.5 s",
    ),
    ("EXP-MUL-001", World(loses=1), "acknowledged writes: 1 lost"),
    ("EXP-MUL-001", World(lost="server-blue"), "not steady again after the revert .*server-blue is unhealthy"),
    ("EXP-MUL-002", World(standing={LISTINGS: 504}), "the edge serves /api/listings: not for .* allowed 0 s .*504"),
    ("EXP-MUL-002", World(loses=2), "acknowledged writes: 2 lost"),
    ("EXP-MUL-003", World(after=AWAY, limps=20), "the edge serves /api/listings: not for .* allowed 1.5 s .*502"),
    ("EXP-MUL-003", World(lost="alertmanager"), "not steady again by itself within 3 s: .*alertmanager is unhealthy"),
    ("EXP-MUL-003", World(loses=1), "acknowledged writes: 1 lost"),
    ("EXP-MUL-004", World(standing={LISTINGS: SILENT}), "during .*: the edge serves /api/listings: .*ReadTimeout"),
    ("EXP-MUL-004", World(lost="monero-wallet-rpc-buyer"), "not steady again after the revert .*buyer is unhealthy"),
    ("EXP-MUL-004", World(loses=3), "acknowledged writes: 3 lost"),
    ("EXP-MUL-005", World(standing={LISTINGS: SILENT}), "during .*: the edge serves /api/listings: .*ReadTimeout"),
    ("EXP-MUL-005", World(after=AWAY, limps=15), "the edge serves /api/listings: not for .* allowed 1 s"),
    ("EXP-MUL-005", World(loses=1), "acknowledged writes: 1 lost"),
]
IDS = sorted({id for id, _, _ in BROKEN})


@pytest.mark.parametrize("id", IDS)
def test_it_holds_where_its_hypothesis_is_true(id: str, tmp_path: Path) -> None:
    verdict = verdict_on(id, World(), tmp_path)

    assert verdict.outcome is Outcome.HELD, verdict.reason


@pytest.mark.parametrize(("id", "world", "says"), BROKEN)
def test_it_fails_where_its_hypothesis_is_false(id: str, world: World, says: str, tmp_path: Path) -> None:
    verdict = verdict_on(id, world, tmp_path)

    assert verdict.outcome is Outcome.BROKEN, verdict.reason
    assert re.search(says, verdict.reason), verdict.reason


@pytest.mark.parametrize("id", IDS)
def test_customers_who_are_not_served_for_longer_than_promised_break_it(id: str, tmp_path: Path) -> None:
    verdict = verdict_on(id, World(), tmp_path, customers=Met("browse: 502", seconds=30))

    assert verdict.outcome is Outcome.BROKEN, verdict.reason
    assert "customers: not served for" in verdict.reason

"""What LOAD-ESC-001 makes of escrows that settled, of those that did not, and of money that is not where it should be."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from load.profiles import for_users
from load.record import Record
from load.runner import Summary, summary
from stack.errors import CannotTell
from stack.settling import PRICE_PICONERO, Voyage
from suites.check import Evidence
from suites.load import escrows
from suites.load.escrows import Sailed
from suites.load.test_escrows import test_escrows_keep_the_money_invariants as the_check


def load(*, dropped: int = 0) -> Summary:
    record = Record(intended=200 + dropped, dropped=dropped, seconds=2.0, cpu_seconds=0.2)
    for number in range(200):
        record.answered("view", intended=number / 100, lag=0.2, latency=0.3, error=None)
    return summary({"record": record.as_json()}, for_users(500, seconds=2), datetime.now(UTC))


def voyage(*, state: str = "released", seconds: float = 9.0) -> Voyage:
    one = Voyage("release", (PRICE_PICONERO,), (), "r", "p", order_id="o1", state=state)
    one.received, one.held = PRICE_PICONERO, 0 if state == "released" else PRICE_PICONERO
    one.payouts = ("t",) if state == "released" else ()
    one.timeline = [(0.0, "ordered"), (seconds, state)]
    return one


def sailed(**changed: Any) -> Sailed:
    sound: dict[str, Any] = {
        "voyages": [voyage()],
        "load": load(),
        "objective_seconds": 60.0,
        "broken": [],
        "scrapes": [],
    }
    return Sailed(**{**sound, **changed})


def test_settled_in_time_with_every_piconero_passes_also_when_arrivals_were_late() -> None:
    evidence = Evidence()

    the_check(sailed(), evidence)

    assert [measure.name for measure in evidence.measures][:2] == ["Settled escrows", "Slowest escrow"]


@pytest.mark.parametrize(
    ("run", "says"),
    [
        (sailed(voyages=[voyage(seconds=61)]), "; over after 61.0 s, expected its end within 60 s"),
        (
            sailed(voyages=[voyage(state="shipped")]),
            "is shipped: .*; not over after 9.0 s, expected its end within 60 s",
        ),
        (sailed(broken=["the ledger sums to 1"]), "the ledger sums to 1"),
        (sailed(broken=["the ledger sums to 1"], load=load(dropped=9)), "the ledger sums to 1"),
    ],
)
def test_late_or_lost_money_fails(run: Sailed, says: str) -> None:
    with pytest.raises(AssertionError, match=says):
        the_check(run, Evidence())


def test_another_load_than_asked_for_is_no_verdict() -> None:
    with pytest.raises(CannotTell, match="they settled under another load than was asked for: 9 of 209 arrivals"):
        the_check(sailed(load=load(dropped=9)), Evidence())


def test_a_marketplace_that_takes_no_accounts_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def settling_on(*_: object) -> None:
        raise AssertionError("registering was refused with status 500 (internal)")

    monkeypatch.setattr(escrows, "objective_of", lambda _: 60.0)
    monkeypatch.setattr(escrows, "plan_of", lambda *_, **__: None)
    monkeypatch.setattr(escrows, "for_seconds", lambda *_, **__: None)
    monkeypatch.setattr(escrows, "open_purse", lambda *_, **__: nullcontext())
    monkeypatch.setattr(escrows, "Outside", lambda _: nullcontext())
    monkeypatch.setattr(escrows, "settling_on", settling_on)
    stack = SimpleNamespace(project="p", profile=SimpleNamespace(application_metrics=None))

    run = escrows.sail(stack, seed=1)  # type: ignore[arg-type]

    with pytest.raises(AssertionError, match="registering was refused with status 500"):
        the_check(run, Evidence())


def test_an_order_that_was_given_up_fails() -> None:
    lost = voyage(state="shipped")
    lost.failure = "reading an escrow was refused with status 404 (not_found)"

    with pytest.raises(AssertionError, match="given up: reading an escrow was refused with status 404"):
        the_check(sailed(voyages=[lost]), Evidence())

"""Checks that watch the marketplace at its business find each defect of a running server, and nothing wrong with a sound one."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from load.runner import BaseLoad
from stack.measured import ApplicationMetrics
from stack.model import Stack
from stack.vantage import Outside
from suites.check import Evidence
from suites.failover.test_degraded import test_the_rest_goes_on as the_degraded_check
from suites.load.escrows import sail
from suites.load.plan import clients_of, for_seconds, plan_of
from suites.load.scraped import Scraped
from suites.load.test_agreement import require_agreement, routes_of_its_own
from suites.load.test_escrows import test_escrows_keep_the_money_invariants as the_escrow_check
from suites.observability import test_application as application
from tests.sabotage.market.with_defects import Defect, market_with_defects

PROJECT = f"st-sabotage-market-{os.getpid()}"
OFFSET = 3000
PATIENCE_SECONDS = 20.0
"""For an escrow that will never be paid out."""


@pytest.fixture(scope="module")
def market() -> Iterator[Defect]:
    """A copy of the reference stack whose server is given one defect after another."""
    with market_with_defects(PROJECT, OFFSET) as with_:
        yield with_


def _names(stack: Stack) -> ApplicationMetrics:
    said = stack.profile.application_metrics
    assert said is not None
    return said


def _degraded(stack: Stack, service: str, **promise: float) -> None:
    case = next(case for case in stack.profile.degraded if service in case.without).model_copy(update=promise)
    the_degraded_check(stack, case, case.absence[0], Evidence())


# ── OBS-APP-001 ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_sound_server_counts_rightly_and_stays_open(market: Defect) -> None:
    stack = market("none")

    assert application.of_requests(stack, _names(stack), Evidence()) == []
    assert application.of_writes(stack, _names(stack), Evidence()) == []
    _degraded(stack, "monerod")


@pytest.mark.parametrize(
    ("defect", "says"),
    [
        ("labels_carry_paths", "the route label is '/api/listings/[0-9a-f]{24}', a path and no template"),
        ("every_other_request_is_counted", "GET /api/listings with 200: 7 answered, [0-6] counted"),
        ("errors_count_as_successes", "GET unmatched with 404: 11 answered, 0 counted"),
        (
            "durations_are_milliseconds",
            "GET /api/listings: its durations sum to .* s, expected more than 0 and at most",
        ),
    ],
)
def test_a_server_that_counts_requests_wrongly_is_found(market: Defect, defect: str, says: str) -> None:
    stack = market(defect)

    with pytest.raises(AssertionError, match=says):
        application.test_metrics_move_with_the_traffic(_NoRequest(), stack, "requests", Evidence())  # type: ignore[arg-type]


def test_a_server_that_counts_orders_twice_is_found(market: Defect) -> None:
    stack = market("orders_count_twice")

    with pytest.raises(AssertionError, match="orders_created_total: 1 acknowledged, 2 counted"):
        application.test_metrics_move_with_the_traffic(_NoRequest(), stack, "writes", Evidence())  # type: ignore[arg-type]


# ── LOAD-MET-001 ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _by_two_clocks(stack: Stack) -> None:
    names, scraped = _names(stack), Scraped(stack)
    plan = for_seconds(plan_of(stack, seed=6), 5.0, warm_up_seconds=1.0)
    with Outside(stack.project) as outside, BaseLoad(plan, clients_of(stack, outside), prefix=outside.exec_prefix) as load:
        load.start()
        scraped.look()
        run = load.finish()
        scraped.look()
    require_agreement(scraped.timed(names, but=routes_of_its_own(stack)), run, Evidence(), allowed_seconds=2.0)


def test_a_sound_servers_clock_agrees_with_its_clients(market: Defect) -> None:
    _by_two_clocks(market("none"))


@pytest.mark.parametrize(
    ("defect", "says"),
    [
        ("every_other_request_is_counted", r"its histogram has \d+ requests, its clients made \d+"),
        ("durations_are_milliseconds", "p50 is (between|over) .* ms by its histogram, and .* ms by its clients"),
    ],
)
def test_a_server_whose_histogram_says_something_else_is_found(market: Defect, defect: str, says: str) -> None:
    stack = market(defect)

    with pytest.raises(AssertionError, match=says):
        _by_two_clocks(stack)


# ── FLV-DEG-001 ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("defect", "says"),
    [
        ("orders_fail_without_wallets", r"no write was refused with 503 and Retry-After within 5 s \(.* status 500"),
        (
            "nobody_is_told_when_to_come_back",
            r"no write was refused with 503 and Retry-After within 5 s \(.* status 503",
        ),
        ("browsing_needs_wallets", "/api/listings: not served for .* 503, expected 200"),
        ("orders_are_taken_without_wallets", "no write was refused .*every write was acknowledged"),
    ],
)
def test_a_server_that_does_not_bear_the_loss_is_found(market: Defect, defect: str, says: str) -> None:
    stack = market(defect)

    with pytest.raises(AssertionError, match=says):
        _degraded(stack, "monero-wallet-rpc-buyer", within_seconds=5)


# ── LOAD-ESC-001, and the escrows of OBS-APP-001 ────────────────────────────────────────────────────────────────────────


def test_a_server_that_settles_rightly_and_says_so_wrongly_is_found_by_what_it_says(market: Defect) -> None:
    stack = market("escrows_are_not_counted")
    run = sail(stack, seed=1)

    the_escrow_check(run, Evidence())
    assert application.of_escrows(run, _names(stack), Evidence()) == [
        "escrow_deposits_total: grew by 0, expected 5",
        "escrow_locked_piconero: stayed at 0 while 5 escrows went through it",
    ]


def test_a_server_that_keeps_the_money_is_found(market: Defect) -> None:
    run = sail(market("payouts_are_never_made", settle_seconds=PATIENCE_SECONDS), seed=3)

    with pytest.raises(
        AssertionError,
        match=rf"\(release\) is shipped: .*; not over after .* s, expected its end within {PATIENCE_SECONDS:g} s",
    ):
        the_escrow_check(run, Evidence())


def test_a_server_that_fails_those_who_do_right_is_found_at_once_and_the_other_orders_end(market: Defect) -> None:
    run = sail(market("shipping_fails"), seed=5)

    assert [one.ending for one in run.voyages if one.is_over] == ["never shipped"]
    with pytest.raises(AssertionError, match="given up: to ship an order was refused with status 500"):
        the_escrow_check(run, Evidence())


@pytest.mark.parametrize(
    ("defect", "says"),
    [
        (
            "payouts_are_skimmed",
            r"is released: of 50000000000 the vendor got .*, expected \d+ and 0 after fees of \d+ and 0",
        ),
        ("what_is_skimmed_is_called_a_fee", r"the ledger has \d+ of fees, but the chain charged \d+ for \d+ payouts"),
    ],
)
def test_a_server_that_keeps_a_share_is_found(market: Defect, defect: str, says: str) -> None:
    # The last ones: the books of this copy stay wrong for good.
    run = sail(market(defect), seed=4)

    assert all(one.is_over for one in run.voyages)
    with pytest.raises(AssertionError, match=says):
        the_escrow_check(run, Evidence())


class _NoRequest:
    """Stands in for pytest's request, which only the aspect of the escrows asks."""

"""Questions about the marketplace's business while something is short: is a seller told yes, or to come back, and never that it failed."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from chaos.question import Probe
from stack.clients.market import Account, Market, Refused, Unanswered
from stack.errors import CannotTell, SeatrialError

if TYPE_CHECKING:
    from stack.model import Stack

COME_BACK = (503, 507)
"""What may be answered where nothing can be kept: Service Unavailable, Insufficient Storage (RFC 9110 15.6.4, RFC 4918 11.5)."""
_UNAUTHENTICATED = 401


@dataclass
class _Seller:
    """Somebody with an account and a session of the time when all was well."""

    market: Market
    account: Account
    token: str


class Seller:
    """One seller a project, for all the probes of an experiment: registered and logged in at the first question."""

    def __init__(self) -> None:
        self._known: dict[str, _Seller] = {}

    def lists(self, *, or_told: Iterable[int] = (), answer_within: timedelta = timedelta(seconds=8)) -> Probe:
        """Something put up for sale is acknowledged; `or_told` are the refusals that will do too."""
        allowed = tuple(or_told)
        name = (
            f"a seller's listing is taken or refused with {' or '.join(map(str, allowed))}"
            if allowed
            else "a seller's listing is taken"
        )

        def ask(seller: _Seller) -> str | None:
            try:
                seller.market.list_for_sale(
                    seller.token, title=f"Sextant {secrets.token_hex(6)}", description="", price_piconero=1_000_000_000
                )
            except Refused as refused:
                return None if refused.status in allowed else str(refused)
            return None

        return self._probe(name, ask, answer_within)

    def stays_logged_in(self, *, answer_within: timedelta = timedelta(seconds=8)) -> Probe:
        """The session that was begun before is still good: what only its holder may read is answered."""

        def ask(seller: _Seller) -> str | None:
            try:
                list(seller.market.purchases(seller.token))
            except Refused as refused:
                return "the session is over" if refused.status == _UNAUTHENTICATED else str(refused)
            return None

        return self._probe("who is logged in stays logged in", ask, answer_within)

    def _probe(self, name: str, ask: Callable[[_Seller], str | None], answer_within: timedelta) -> Probe:
        def complaint(stack: Stack) -> str | None:
            try:
                return ask(self._seller(stack, answer_within))
            except Refused as refused:  # no account could be had to ask with
                return str(refused)
            except Unanswered as error:
                return str(error)

        return Probe(name, complaint)

    def _seller(self, stack: Stack, patience: timedelta) -> _Seller:
        if stack.project not in self._known:
            market = Market(stack.edge, patience_seconds=patience.total_seconds())
            account = market.register(f"seller-{secrets.token_hex(8)}", secrets.token_urlsafe(16))
            token = market.login(account.username, account.password).token
            self._known[stack.project] = _Seller(market, account, token)
        return self._known[stack.project]


def acts_for_escrows(service: str, *, within: timedelta = timedelta(0)) -> Probe:
    """The server says of itself that it holds the lease under which escrows are seen to."""

    def complaint(stack: Stack) -> str | None:
        asked = stack.container(service).exec(["curl", "-sf", "-m", "4", "http://127.0.0.1:8000/metrics"])
        if not asked.ok:
            return f"{service} does not tell its metrics: {asked.last_words()}"
        held = [line.split()[1] for line in asked.stdout.splitlines() if line.startswith("escrow_lease_held ")]
        if not held:
            raise CannotTell(f"{service} has no metric escrow_lease_held")
        return None if float(held[0]) == 1 else f"{service} does not hold the escrows' lease"

    return Probe(f"{service} sees to the escrows", complaint, within)


def metrics_are_queried(*, answer_within: timedelta = timedelta(seconds=3)) -> Probe:
    """The metrics store answers a query, in time, with what it has of its targets."""

    def complaint(stack: Stack) -> str | None:
        began = time.monotonic()
        try:
            up = stack.prometheus.value("count(up == 1)")
        except SeatrialError as error:
            return str(error)
        took = time.monotonic() - began
        if took > answer_within.total_seconds():
            return f"a query took {took:.1f} s"
        return None if up else "no target is seen to be up"

    return Probe("a query of the metrics is answered", complaint, answer_within=answer_within)


def logs_are_searched(*, answer_within: timedelta = timedelta(seconds=5)) -> Probe:
    """The log store answers a search, in time, with lines that it has taken in."""

    def complaint(stack: Stack) -> str | None:
        began = time.monotonic()
        try:
            lines = stack.loki.query_range('{service=~".+"}', limit=10)
        except SeatrialError as error:
            return str(error)
        took = time.monotonic() - began
        if took > answer_within.total_seconds():
            return f"a search took {took:.1f} s"
        return None if lines else "the search finds no line at all"

    return Probe("the logs can be searched", complaint, answer_within=answer_within)

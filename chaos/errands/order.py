"""An order placed while something that money needs is away: it is taken, or refused at once, and never left hanging."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from chaos.question import Probe
from stack.clients.market import Market, Refused, Unanswered

if TYPE_CHECKING:
    from stack.model import Stack

_COME_BACK = 503


@dataclass(frozen=True)
class _Buyer:
    market: Market
    token: str
    listing: str


@dataclass
class PlacedOrders:
    """A buyer, a vendor and something for sale, one of each a project; made when first needed, while all is well."""

    answer_within: timedelta
    """How long an answer to an order may take."""
    _known: dict[str, _Buyer] = field(default_factory=dict)

    @property
    def taken(self) -> Probe:
        """An order is acknowledged."""
        return Probe(
            "an order is taken", lambda stack: self._order(stack, refused=False), answer_within=self.answer_within
        )

    def refused(self, *, within: timedelta) -> Probe:
        """An order is refused with 503, which says "come back", and in time."""

        def complaint(stack: Stack) -> str | None:
            return self._order(stack, refused=True)

        return Probe(f"an order is refused with {_COME_BACK}", complaint, within, self.answer_within)

    def _order(self, stack: Stack, *, refused: bool) -> str | None:
        buyer = self._known.get(stack.project) or self._begin(stack)
        try:
            order = buyer.market.order(buyer.token, buyer.listing, key=secrets.token_hex(16))
        except Refused as error:
            return None if refused and error.status == _COME_BACK else str(error)
        except Unanswered as error:
            return str(error)
        return f"order {order.id} was taken" if refused else None

    def _begin(self, stack: Stack) -> _Buyer:
        market = Market(stack.edge, patience_seconds=self.answer_within.total_seconds())
        tokens = []
        for _ in range(2):
            name, password = f"x{secrets.token_hex(8)}", secrets.token_urlsafe(24)
            market.register(name, password)
            tokens.append(market.login(name, password).token)
        listing = market.list_for_sale(
            tokens[0], title=f"Chart {secrets.token_hex(6)}", description="", price_piconero=1_000_000_000
        )
        return self._known.setdefault(stack.project, _Buyer(market, tokens[1], listing.id))

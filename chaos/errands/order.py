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
_PATIENCE_SECONDS = 15.0
"""For an answer of before the fault: registering and logging in hash a password, which a busy machine takes long for."""


@dataclass
class _Person:
    """Somebody of one name, whatever becomes of the first try to register them."""

    name: str = field(default_factory=lambda: f"x{secrets.token_hex(8)}")
    password: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    is_registered: bool = False
    token: str = ""

    def logged_in(self, market: Market) -> str:
        """Their token. Raises Refused and Unanswered."""
        if not self.is_registered:
            # Once more after a try that was not answered does no harm: the name logs in to the first account.
            market.register(self.name, self.password)
            self.is_registered = True
        self.token = self.token or market.login(self.name, self.password).token
        return self.token


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
    _people: dict[str, tuple[_Person, _Person]] = field(default_factory=dict)
    """Vendor and buyer of a project, as far as they have come."""

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
        try:
            buyer = self._known.get(stack.project) or self._begin(stack)
        except (Refused, Unanswered) as error:  # nobody could be had to order, and a 503 of that is no refused order
            return str(error)
        try:
            order = buyer.market.order(buyer.token, buyer.listing, key=secrets.token_hex(16))
        except Refused as error:
            return None if refused and error.status == _COME_BACK else str(error)
        except Unanswered as error:
            return str(error)
        return f"order {order.id} was taken" if refused else None

    def _begin(self, stack: Stack) -> _Buyer:
        """Goes on where an earlier try ended: the edge takes few registrations from one address, and others need them too."""
        people = self._people.setdefault(stack.project, (_Person(), _Person()))
        market = Market(stack.edge, patience_seconds=_PATIENCE_SECONDS)
        try:
            vendor, buyer = (person.logged_in(market) for person in people)
            listing = market.list_for_sale(
                vendor, title=f"Chart {secrets.token_hex(6)}", description="", price_piconero=1_000_000_000
            )
        finally:
            market.close()
        impatient = Market(stack.edge, patience_seconds=self.answer_within.total_seconds())
        return self._known.setdefault(stack.project, _Buyer(impatient, buyer, listing.id))

"""Speaks the part of the marketplace's interface that moves money: shipping, deciding, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from stack.clients.market import Market, Order, _odd, _order, _text, _whole

Outcome = Literal["release", "refund"]


@dataclass(frozen=True)
class Payout:
    """One payout of an escrow; `txid` once the chain has confirmed it."""

    kind: str
    txid: str | None


@dataclass(frozen=True)
class Escrow:
    """An order's escrow as its parties see it; amounts in piconero."""

    state: str
    deposit_address: str | None
    received: int
    held: int
    """What was received and no confirmed payout has spent yet."""
    payouts: tuple[Payout, ...]


class EscrowMarket(Market):
    """A client that pays, ships and decides. Raises as Market does."""

    def order_with_escrow(self, token: str, listing_id: str, *, key: str, refund_address: str) -> Order:
        """Order a listing and ask for an escrow; its deposit address follows within moments."""
        body = {"note": "", "refund_address": refund_address}
        path = f"/api/listings/{listing_id}/order"
        return _order(self._ask("ordering with an escrow", "POST", path, body=body, token=token, key=key))

    def escrow(self, token: str, order_id: str) -> Escrow:
        """Read an order's state and escrow."""
        said = self._ask("reading an escrow", "GET", f"/api/orders/{order_id}", token=token)
        told = said.get("escrow")
        if not isinstance(told, dict):
            raise _odd("reading an escrow", "escrow")
        payouts = tuple(Payout(_text(one, "kind"), one.get("txid")) for one in told.get("payouts", ()))
        received, held = _whole(told, "received_piconero"), _whole(told, "held_piconero")
        return Escrow(_text(said, "state"), told.get("deposit_address"), received, held, payouts)

    def ship(self, token: str, order_id: str, *, payout_address: str) -> int:
        """Say as the vendor that it is on its way, and where to pay; returns the sequence number."""
        return self._act(token, order_id, "ship", {"payout_address": payout_address})

    def release(self, token: str, order_id: str) -> int:
        """Let the vendor be paid, as the buyer; returns the sequence number of the decision."""
        return self._act(token, order_id, "release", {})

    def dispute(self, token: str, order_id: str) -> int:
        """Call the arbiter; returns the sequence number."""
        return self._act(token, order_id, "dispute", {})

    def resolve(self, token: str, order_id: str, outcome: Outcome) -> int:
        """Decide a dispute as the arbiter; returns the sequence number of the decision."""
        return self._act(token, order_id, "resolve", {"outcome": outcome})

    def refund(self, token: str, order_id: str) -> int:
        """Give in to a dispute as the vendor; returns the sequence number of the decision."""
        return self._act(token, order_id, "refund", {})

    def _act(self, token: str, order_id: str, verb: str, body: dict[str, Any]) -> int:
        path = f"/api/orders/{order_id}/{verb}"
        return _whole(self._ask(f"to {verb} an order", "POST", path, body=body, token=token), "sequence")

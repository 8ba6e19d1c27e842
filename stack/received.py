"""What the parties of an order got, to the piconero: by their own wallet and by the chain's fees, not by the marketplace's word."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stack.settling import PRICE_PICONERO
from stack.transactions import on_chain

if TYPE_CHECKING:
    from stack.purse import Purse
    from stack.settling import Voyage


def received_wrongly(voyage: Voyage, purse: Purse) -> str:
    """Say how what the parties got differs from what the order says, to the piconero; empty when it does not.

    What they got is told by their own wallet, and the fees by the chain. Raises CannotTell when one of the two is away.
    """
    onward, back = purse.received(voyage.payout_address), purse.received(voyage.refund_address)
    total = sum(voyage.deposits) + sum(voyage.late_deposits)
    paid = {*onward, *back}
    if paid != set(voyage.payouts):
        return (
            f"order {voyage.order_id}: its parties were paid by {sorted(paid)}, the marketplace says {voyage.payouts}"
        )
    known = on_chain(purse.daemon, voyage.payouts)
    if known.keys() != paid:
        return f"order {voyage.order_id}: the chain knows {sorted(known)} of its payouts {voyage.payouts}"
    # Each payout's fee is borne by the first it pays: the vendor by a release, the buyer by a refund or a late return.
    vendor_fee = sum(known[txid].fee for txid in onward)
    buyer_fee = sum(known[txid].fee for txid in paid - onward.keys())
    price = PRICE_PICONERO if voyage.state == "released" else 0
    due = (price - vendor_fee, total - price - buyer_fee)
    if (sum(onward.values()), sum(back.values())) != due:
        return (
            f"order {voyage.order_id} is {voyage.state}: of {total} the vendor got {onward} and the buyer {back},"
            f" expected {due[0]} and {due[1]} after fees of {vendor_fee} and {buyer_fee}"
        )
    return ""

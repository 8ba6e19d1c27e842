"""The money invariants: what must be true of books, chain and wallets at any moment, whatever happened to the stack.

- The ledger sums to zero, transaction by transaction.
- What is locked, with what was paid out, is what was deposited; in all and for each order.
- Each order that is released or refunded was settled by exactly one transaction on the chain, and no other attempt is there.
- The ledger's fees are what the chain charged for the payouts in its blocks: nothing else is called a fee.
- Each wallet's balance covers what is locked.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stack.errors import CannotTell
from stack.purse import chain_of
from stack.transactions import OnChain, on_chain

if TYPE_CHECKING:
    from stack.model import Stack

_PAID_OUT = ("vendors", "buyers", "fees")
_FINAL = {"released", "refunded"}


@dataclass(frozen=True)
class Books:
    """What the marketplace says of its escrows (marketplace_server.books); amounts in piconero."""

    ledger: dict[str, int]
    unbalanced: int
    orders: tuple[dict[str, Any], ...]

    @property
    def locked(self) -> int:
        """What is held in escrow."""
        return self.ledger.get("escrow", 0)

    @property
    def attempts(self) -> list[str]:
        """Every transaction that was ever signed for a payout."""
        return [txid for order in self.orders for payout in order["payouts"] for txid in payout["attempts"]]


def broken(stack: Stack) -> list[str]:
    """Say in a sentence each which invariants do not hold; empty when all do.

    Raises:
        CannotTell: books, chain or wallets could not be asked.

    """
    books = books_of(stack)
    known = on_chain(chain_of(stack), books.attempts)
    minors = [order["minor"] for order in books.orders]
    balances = {name: _held(stack, name, minors) for name in stack.profile.wallets} if minors else {}
    return [*in_the_books(books), *on_the_chain(books, known), *in_the_wallets(books, balances)]


def books_of(stack: Stack) -> Books:
    """Read the books inside a running server. Raises CannotTell."""
    container = stack.container(stack.profile.database.service if stack.profile.database else "server-blue")
    done = container.exec(["python", "-m", "marketplace_server.books"], timeout_seconds=20)
    if not done.ok:
        message = f"the books can't be read: {done.last_words()}"
        raise CannotTell(message)
    said = json.loads(done.stdout)
    return Books(said["ledger"], said["unbalanced"], tuple(said["orders"]))


def in_the_books(books: Books) -> list[str]:
    """Judge the ledger by itself."""
    found = []
    if books.unbalanced or sum(books.ledger.values()):
        found.append(
            f"the ledger sums to {sum(books.ledger.values())}, and {books.unbalanced} transactions do not balance"
        )
    deposited, paid = -books.ledger.get("chain", 0), sum(books.ledger.get(name, 0) for name in _PAID_OUT)
    if books.locked != deposited - paid:
        found.append(f"{books.locked} is locked, but {deposited} was deposited and {paid} paid out")
    if deposited != sum(order["received"] for order in books.orders):
        found.append(f"{deposited} was deposited, but the orders received {sum(o['received'] for o in books.orders)}")
    if books.locked != (held := sum(order["held"] for order in books.orders)):
        found.append(f"{books.locked} is locked, but the orders hold {held}")
    for order in books.orders:
        if order["held"] < 0 or (order["state"] in _FINAL and order["held"] >= order["received"]):
            found.append(f"order {order['id']} is {order['state']} and holds {order['held']} of {order['received']}")
    return found


def on_the_chain(books: Books, known: dict[str, OnChain]) -> list[str]:
    """Judge the payouts by what the chain knows of their transactions."""
    found = []
    for order in books.orders:
        settled = [payout for payout in order["payouts"] if payout["number"] == 0 and payout["txid"]]
        if (order["state"] in _FINAL) != (len(settled) == 1):
            found.append(f"order {order['id']} is {order['state']} and has {len(settled)} settling payouts")
        for payout in order["payouts"]:
            there = [txid for txid in payout["attempts"] if txid in known]
            if len(there) > 1:
                found.append(f"order {order['id']}: {len(there)} transactions of one payout are on the chain")
            if payout["txid"] and not (payout["txid"] in known and known[payout["txid"]].in_block):
                found.append(f"order {order['id']}: payout {payout['txid']} is in no block")
    return [*found, *_fees(books, known)]


def _fees(books: Books, known: dict[str, OnChain]) -> list[str]:
    confirmed = [payout["txid"] for order in books.orders for payout in order["payouts"] if payout["txid"]]
    # One that the chain does not know has no fee to compare; it was told above.
    charged = sum(known[txid].fee for txid in confirmed) if known.keys() >= set(confirmed) else None
    said = books.ledger.get("fees", 0)
    if charged is None or said == charged:
        return []
    return [f"the ledger has {said} of fees, but the chain charged {charged} for {len(confirmed)} payouts"]


def in_the_wallets(books: Books, balances: dict[str, int]) -> list[str]:
    """Judge what each wallet holds at the escrows' subaddresses."""
    return [
        f"wallet {name} holds {held}, and {books.locked} is locked"
        for name, held in balances.items()
        if held < books.locked
    ]


def _held(stack: Stack, name: str, minors: list[int]) -> int:
    wallet = stack.wallet(name)
    wallet.refresh()
    said = wallet.call("get_balance", account_index=0, address_indices=minors)
    return sum(int(one["balance"]) for one in said.get("per_subaddress") or () if one["address_index"] in set(minors))

"""The money invariants: what must be true of books, chain and wallets at any moment, whatever happened to the stack.

- The ledger sums to zero, transaction by transaction.
- What is locked, with what was paid out, is what was deposited; in all and for each order.
- Each order that is released or refunded was settled by exactly one transaction on the chain, and no other attempt is there.
- Each wallet's balance covers what is locked.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stack.errors import CannotTell
from stack.purse import chain_of

if TYPE_CHECKING:
    from stack.clients.inside import InsideRpc
    from stack.model import Stack

_PAID_OUT = ("vendors", "buyers", "fees")
_TRANSACTIONS_AT_ONCE = 100
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
    on_chain = _known_to(chain_of(stack), books.attempts)
    minors = [order["minor"] for order in books.orders]
    balances = {name: _held(stack, name, minors) for name in stack.profile.wallets} if minors else {}
    return [*in_the_books(books), *on_the_chain(books, on_chain), *in_the_wallets(books, balances)]


def _known_to(chain: InsideRpc, txids: Sequence[str]) -> dict[str, bool]:
    """Transaction → whether it is in a block, of those that the chain has or that wait for it."""
    found: dict[str, bool] = {}
    for start in range(0, len(txids), _TRANSACTIONS_AT_ONCE):
        asked = list(txids[start : start + _TRANSACTIONS_AT_ONCE])
        told = chain.plain("/get_transactions", txs_hashes=asked, prune=True)
        found |= {one["tx_hash"]: not one["in_pool"] for one in told.get("txs", ())}
    return found


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


def on_the_chain(books: Books, mined: dict[str, bool]) -> list[str]:
    """Judge the payouts by what the chain knows: transaction → whether it is in a block (else it waits in the pool)."""
    found = []
    for order in books.orders:
        settled = [payout for payout in order["payouts"] if payout["number"] == 0 and payout["txid"]]
        if (order["state"] in _FINAL) != (len(settled) == 1):
            found.append(f"order {order['id']} is {order['state']} and has {len(settled)} settling payouts")
        for payout in order["payouts"]:
            known = [txid for txid in payout["attempts"] if txid in mined]
            if len(known) > 1:
                found.append(f"order {order['id']}: {len(known)} transactions of one payout are on the chain")
            if payout["txid"] and not mined.get(payout["txid"], False):
                found.append(f"order {order['id']}: payout {payout['txid']} is in no block")
    return found


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

"""Each money invariant holds on books that are right, and is seen to be broken on books that are not."""

from copy import deepcopy
from typing import Any

import pytest

from stack.money import Books, in_the_books, in_the_wallets, on_the_chain
from stack.transactions import OnChain

ORDER: dict[str, Any] = {
    "id": "a",
    "state": "released",
    "received": 50,
    "held": 0,
    "payouts": [{"number": 0, "kind": "release", "txid": "t1", "attempts": ["t0", "t1"]}],
}
WAITING: dict[str, Any] = {"id": "b", "state": "funded", "received": 50, "held": 50, "payouts": []}
MINED, WAITS = OnChain(in_block=True, fee=2), OnChain(in_block=False, fee=2)
LEDGER = {"chain": -100, "escrow": 50, "vendors": 48, "fees": 2}


def _books(*, unbalanced: int = 0, order: dict[str, Any] | None = None, **ledger: int) -> Books:
    return Books({**LEDGER, **ledger}, unbalanced, (deepcopy(ORDER) | (order or {}), deepcopy(WAITING)))


def test_right_books_break_nothing() -> None:
    books = _books()

    assert in_the_books(books) == []
    assert on_the_chain(books, {"t1": MINED}) == []
    assert in_the_wallets(books, {"buyer": 50, "vendor": 60}) == []


@pytest.mark.parametrize(
    ("books", "said"),
    [
        (_books(escrow=51), "the ledger sums to 1"),
        (_books(unbalanced=1), "1 transactions do not balance"),
        (_books(chain=-101, escrow=51), "the orders received 100"),
        (_books(vendors=47, escrow=51), "51 is locked, but the orders hold 50"),
        (_books(order={"held": -1}), "holds -1"),
        (_books(order={"held": 50}), "holds 50 of 50"),
    ],
)
def test_wrong_books_are_told(books: Books, said: str) -> None:
    found = in_the_books(books)

    assert any(said in sentence for sentence in found), found


@pytest.mark.parametrize(
    ("known", "order", "said"),
    [
        ({"t0": MINED, "t1": MINED}, None, "2 transactions of one payout"),
        ({"t0": WAITS, "t1": MINED}, None, "2 transactions of one payout"),
        ({"t1": WAITS}, None, "in no block"),
        ({}, None, "in no block"),
        ({"t1": MINED}, {"payouts": []}, "0 settling payouts"),
        ({"t1": MINED}, {"state": "shipped"}, "1 settling payouts"),
        ({"t1": OnChain(in_block=True, fee=1)}, None, "the ledger has 2 of fees, but the chain charged 1 for 1 payouts"),
    ],
)
def test_a_chain_that_says_otherwise_is_told(known: dict[str, OnChain], order: dict[str, Any] | None, said: str) -> None:
    found = on_the_chain(_books(order=order), known)

    assert any(said in sentence for sentence in found), found


def test_a_wallet_that_holds_less_than_is_locked_is_told() -> None:
    assert in_the_wallets(_books(), {"buyer": 49, "vendor": 50}) == ["wallet buyer holds 49, and 50 is locked"]

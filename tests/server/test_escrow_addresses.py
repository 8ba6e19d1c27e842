"""Which subaddress an order is given: never another order's, and its own again when the database has forgotten it."""

import asyncio
from typing import Any

import pytest
from marketplace_server.escrow.rpc import Refused, Rpc
from marketplace_server.escrow.triple import Disagreement, Triple


class _Wallet(Rpc):
    """A wallet's subaddresses in memory."""

    def __init__(self, name: str) -> None:
        super().__init__(name, "http://127.0.0.1:1")
        self.entries: list[dict[str, Any]] = [self._new(0)]
        self.stored: list[str] = []

    async def call(self, method: str, *, within: float = 20.0, **params: Any) -> dict[str, Any]:
        if method == "get_address":
            (minor,) = params["address_index"]
            if minor >= len(self.entries):
                raise Refused("address index is out of bound")
            return {"addresses": [self.entries[minor]]}
        if method == "create_address":
            self.entries += [self._new(len(self.entries) + n) for n in range(params["count"])]
        elif method == "label_address":
            self.entries[params["index"]["minor"]]["label"] = params["label"]
        elif method == "store":
            self.stored = [entry["label"] for entry in self.entries]
        return {}

    @staticmethod
    def _new(minor: int) -> dict[str, Any]:
        return {"address": f"subaddress {minor}", "label": "", "used": False}


@pytest.fixture
def wallets() -> dict[str, _Wallet]:
    return {name: _Wallet(name) for name in ("buyer", "vendor", "arbiter")}


def _given(wallets: dict[str, _Wallet], first: int, *order_ids: str) -> list[tuple[str, int, str]]:
    return asyncio.run(Triple(wallets, Rpc("daemon", "http://127.0.0.1:1")).addresses(first, order_ids))


def test_each_order_has_its_own_and_the_wallets_have_stored_whose_it_is(wallets: dict[str, _Wallet]) -> None:
    assert _given(wallets, 1, "a", "b") == [("a", 1, "subaddress 1"), ("b", 2, "subaddress 2")]
    assert [wallet.stored[:3] for wallet in wallets.values()] == [["", "a", "b"]] * 3


def test_a_restored_database_gives_each_order_the_address_that_was_promised(wallets: dict[str, _Wallet]) -> None:
    _given(wallets, 1, "a", "b")
    wallets["arbiter"].entries[2]["used"] = True  # paid meanwhile

    assert [minor for _, minor, _ in _given(wallets, 1, "c", "b", "a")] == [3, 2, 1]


def test_an_address_that_was_paid_to_and_is_nobody_s_is_passed_over(wallets: dict[str, _Wallet]) -> None:
    _given(wallets, 1, "a")
    wallets["vendor"].entries[2]["used"] = True

    assert _given(wallets, 2, "b") == [("b", 3, "subaddress 3")]


def test_wallets_that_differ_give_none(wallets: dict[str, _Wallet]) -> None:
    wallets["buyer"].entries.append({"address": "elsewhere", "label": "", "used": False})

    with pytest.raises(Disagreement):
        _given(wallets, 1, "a")

"""Which outputs a payout spends: those of its deposits and no others, so that two attempts can't both happen."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest
from marketplace_server.escrow.records import Deposit
from marketplace_server.escrow.rules import Payment, Plan
from marketplace_server.escrow.triple import Disagreement, Triple

PRICE = 5 * 10**10
FEE = 1_808_400_000
PLAN = Plan(7, ("first",), 1, PRICE, (Payment("vendor", "payee", PRICE),))


@dataclass
class Wallet:
    """A wallet with two equal outputs that picks the newest it may; its answers have the shape of real ones (recorded)."""

    name: str = "buyer"
    outputs: dict[str, str] = field(default_factory=lambda: {"first": "image 1", "late": "image 2"})
    frozen: set[str] = field(default_factory=set)
    obeys: bool = True
    picked: list[str] = field(default_factory=list)

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        answer: dict[str, Any] = getattr(self, f"_{method}")(params)
        return answer

    def _get_transfers(self, _: dict[str, Any]) -> dict[str, Any]:
        one = {"subaddr_index": {"minor": 7}, "txid": "first", "height": 5, "confirmations": 10, "locked": False}
        amounts = {"amount": 3 * PRICE, "amounts": [PRICE, PRICE, PRICE], "double_spend_seen": False}
        return {"in": [one | amounts]}

    def _incoming_transfers(self, params: dict[str, Any]) -> dict[str, Any]:
        assert (params["subaddr_indices"], params["verbose"]) == ([7], True)
        return {
            "transfers": [
                {"tx_hash": txid, "key_image": image, "spent": False, "frozen": image in self.frozen, "amount": PRICE}
                for txid, image in self.outputs.items()
            ]
        }

    def _freeze(self, params: dict[str, Any]) -> dict[str, Any]:
        if self.obeys:
            self.frozen.add(params["key_image"])
        return {}

    def _thaw(self, params: dict[str, Any]) -> dict[str, Any]:
        self.frozen.discard(params["key_image"])
        return {}

    def _transfer(self, _: dict[str, Any]) -> dict[str, Any]:
        self.picked.append([image for image in self.outputs.values() if image not in self.frozen][-1])
        return {"multisig_txset": "unsigned", "spent_key_images": {"key_images": self.picked[-1:]}}

    def _describe_transfer(self, _: dict[str, Any]) -> dict[str, Any]:
        recipients = [{"address": "payee", "amount": PRICE - FEE}]
        one = {"amount_in": PRICE, "fee": FEE, "change_amount": 0, "unlock_time": 0, "recipients": recipients}
        return {"desc": [one]}

    def _sign_multisig(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"tx_hash_list": ["signed"], "tx_data_hex": "data"}


def _sign(maker: Wallet) -> None:
    triple = Triple({"buyer": maker, "vendor": Wallet("vendor")}, Wallet("daemon"))  # type: ignore[dict-item,arg-type]
    asyncio.run(triple.sign(PLAN, ("buyer", "vendor")))


@pytest.mark.parametrize("left_frozen", [set(), {"image 1"}, {"image 2"}], ids=["none", "its own", "the other"])
def test_an_equal_output_that_is_not_credited_yet_is_not_spent_in_the_place_of_one_that_is(
    left_frozen: set[str],
) -> None:
    maker = Wallet(frozen=set(left_frozen))

    _sign(maker)

    assert maker.picked == ["image 1"]
    assert maker.frozen == set()  # what is frozen is missing from the balance


def test_a_deposit_is_told_with_the_number_of_its_outputs() -> None:
    wallets = {name: Wallet(name) for name in ("vendor", "arbiter")}
    triple = Triple(wallets, Wallet("daemon"))  # type: ignore[arg-type]

    assert asyncio.run(triple.deposits(0)) == [Deposit(7, "first", 3 * PRICE, 5, outputs=3)]


def test_what_spends_another_output_is_not_signed() -> None:
    with pytest.raises(Disagreement, match="spends other outputs"):
        _sign(Wallet(obeys=False))

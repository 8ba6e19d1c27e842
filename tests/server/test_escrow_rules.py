"""What is paid to whom, what is signed, and which addresses are taken."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marketplace_server.escrow import rules
from marketplace_server.escrow.address import is_address, keccak_256
from marketplace_server.escrow.rules import Decision, Payment, disagreement, plan, signers

PRICE = 50 * 10**9
FEE = 1_808_400_000
STANDARD = "45eDq6P5RPM3hPW3Eu4AVGKFyLzBiyYfzPnSokAW5x7W8YgRgMiLovqW56r2rsNjwhM2Sekdk3GNvH6i4KFywR9Y7Eojd8y"
SUBADDRESS = "85zRFkWU3f7Rr5zS7YZ1P4ZXakNJ3CjGDKD6Z6rMd7NTBDgPoXRcJ7zYyht91Ry3jMdH3xhbTg4osRrSgitorUzDBsFz6gj"
RELEASE = Decision("o", 0, "release", ("buyer", "vendor"), 7, PRICE, (PRICE,), "home", "payee")


def _described(fee: int = FEE, **changes: Any) -> dict[str, Any]:
    """What a wallet said of a payout (recorded), with changes."""
    one = {
        "amount_in": PRICE,
        "fee": fee,
        "change_amount": 0,
        "unlock_time": 0,
        "recipients": [{"address": "payee", "amount": PRICE - fee}],
    }
    return {"desc": [{**one, **changes}]}


def test_keccak_is_the_one_before_sha3() -> None:
    assert keccak_256(b"").hex() == "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"
    assert keccak_256(b"x" * 136).hex() != keccak_256(b"x" * 135).hex()


@pytest.mark.parametrize("address", [STANDARD, SUBADDRESS])
def test_an_address_of_a_wallet_is_one_and_any_other_letter_makes_it_none(address: str) -> None:
    assert is_address(address)
    for at in range(0, 95, 7):
        other = "2" if address[at] != "2" else "3"
        assert not is_address(address[:at] + other + address[at + 1 :])


@given(st.text(max_size=100))
def test_other_text_is_no_address(text: str) -> None:
    assert not is_address(text)


def test_the_vendor_gets_the_price_and_the_buyer_what_is_over() -> None:
    wanted = plan(replace(RELEASE, amounts=(PRICE, 3)))

    assert wanted.payments == (Payment("vendor", "payee", PRICE), Payment("buyer", "home", 3))


def test_a_refund_returns_everything() -> None:
    assert plan(replace(RELEASE, kind="refund", amounts=(PRICE, 3))).payments == (Payment("buyer", "home", PRICE + 3),)


@pytest.mark.parametrize(
    "decision",
    [
        replace(RELEASE, payout_address=None),
        replace(RELEASE, amounts=(PRICE - 1,)),
        replace(RELEASE, kind="refund", amounts=(1,)),
    ],
)
def test_what_cannot_be_paid_is_not_planned(decision: Decision) -> None:
    with pytest.raises(ValueError, match=r"needs|less|worth"):
        plan(decision)


@given(
    st.integers(rules.MIN_ESCROW_PICONERO, 2**53 - 1),
    st.lists(st.integers(1, 2**50), max_size=5),
    st.integers(1, 10**9),
)
def test_a_plan_spends_exactly_what_was_credited(price: int, more: list[int], fee: int) -> None:
    for kind in ("release", "refund"):
        made = plan(replace(RELEASE, kind=kind, price=price, amounts=(price, *more)))  # type: ignore[arg-type]

        assert sum(payment.amount for payment in made.after(fee)) + fee == made.total == price + sum(more)


def test_a_transaction_that_is_the_plan_s_is_signed() -> None:
    assert disagreement(plan(RELEASE), _described()) == ""


@pytest.mark.parametrize(
    "described",
    [
        {},
        {"desc": []},
        {"desc": _described()["desc"] * 2},
        _described(fee=0),
        _described(fee=10**10),
        _described(amount_in=PRICE + 1),
        _described(change_amount=1),
        _described(unlock_time=10),
        _described(recipients=[]),
        _described(recipients=[{"address": "thief", "amount": PRICE - FEE}]),
        _described(recipients=[{"address": "payee", "amount": PRICE - FEE - 1}, {"address": "thief", "amount": 1}]),
        _described(recipients=[{"address": "payee", "amount": PRICE - FEE - 1}]),
    ],
)
def test_any_other_transaction_is_not_signed(described: dict[str, Any]) -> None:
    assert disagreement(plan(RELEASE), described)


def test_one_address_for_both_parties_is_paid_the_sum() -> None:
    wanted = plan(replace(RELEASE, refund_address="payee", amounts=(PRICE, 10)))
    described = _described(amount_in=PRICE + 10, recipients=[{"address": "payee", "amount": PRICE + 10 - FEE}])

    assert disagreement(wanted, described) == ""


def test_whoever_decides_makes_it_and_whoever_is_paid_signs_second() -> None:
    assert signers("release", decided_by="buyer") == ("buyer", "vendor")
    assert signers("refund", decided_by="vendor") == ("vendor", "buyer")
    assert signers("release", decided_by="arbiter") == ("arbiter", "vendor")
    with pytest.raises(ValueError, match="themselves"):
        signers("release", decided_by="vendor")

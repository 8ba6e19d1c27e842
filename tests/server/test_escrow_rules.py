"""What is paid to whom, what is signed, and which addresses are taken."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marketplace_server.escrow import rules
from marketplace_server.escrow.address import is_address, keccak_256
from marketplace_server.escrow.rules import (
    Decision,
    Held,
    Payment,
    Plan,
    counts,
    disagreement,
    plan,
    signers,
    spendable,
)

PRICE = 50 * 10**9
FEE = 1_808_400_000
STANDARD = "45eDq6P5RPM3hPW3Eu4AVGKFyLzBiyYfzPnSokAW5x7W8YgRgMiLovqW56r2rsNjwhM2Sekdk3GNvH6i4KFywR9Y7Eojd8y"
SUBADDRESS = "85zRFkWU3f7Rr5zS7YZ1P4ZXakNJ3CjGDKD6Z6rMd7NTBDgPoXRcJ7zYyht91Ry3jMdH3xhbTg4osRrSgitorUzDBsFz6gj"
RELEASE = Decision("o", 0, "release", ("buyer", "vendor"), 7, PRICE, (Held("a", PRICE),), "home", "payee")


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


def _holding(*amounts: int, kind: rules.Kind = "release") -> Decision:
    return replace(RELEASE, kind=kind, held=tuple(Held(str(n), amount) for n, amount in enumerate(amounts)))


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
    wanted = plan(_holding(PRICE, PRICE // 2))

    assert wanted.payments == (Payment("vendor", "payee", PRICE), Payment("buyer", "home", PRICE // 2))


def test_a_refund_returns_everything() -> None:
    back = plan(_holding(PRICE, PRICE // 2, kind="refund"))

    assert back.payments == (Payment("buyer", "home", PRICE + PRICE // 2),)


@pytest.mark.parametrize(
    "decision",
    [
        replace(RELEASE, payout_address=None),
        replace(RELEASE, held=(Held("a", PRICE - 1),)),
        replace(RELEASE, held=(Held("a", PRICE - 1), Held("b", 1))),
        replace(RELEASE, kind="refund", held=(Held("a", 1),)),
    ],
)
def test_what_cannot_be_paid_is_not_planned(decision: Decision) -> None:
    with pytest.raises(ValueError, match=r"needs|less|worth"):
        plan(decision)


@given(
    st.integers(rules.MIN_ESCROW_PICONERO, 2**53 - 1),
    st.lists(st.tuples(st.integers(1, 2**50) | st.integers(1, 10**11), st.integers(1, 16)), max_size=300),
)
def test_nothing_that_is_deposited_later_keeps_a_payout_from_being_made(
    price: int, more: list[tuple[int, int]]
) -> None:
    held = (Held("first", price), *(Held(str(n), *one) for n, one in enumerate(more)))
    for kind in ("release", "refund"):
        made = plan(replace(RELEASE, kind=kind, price=price, held=held))  # type: ignore[arg-type]

        after = made.after(made.fee_limit)
        assert sum(payment.amount for payment in after) + made.fee_limit == made.total
        assert min(payment.amount for payment in after) > 0
        assert after[0].amount >= price // 2
        assert made.inputs <= rules.INPUTS_AT_MOST
        assert "first" in made.deposits


@given(st.integers(1, 10**11), st.integers(1, 16))
def test_a_deposit_that_counts_can_be_returned_alone_and_any_other_is_left(amount: int, outputs: int) -> None:
    decision = replace(RELEASE, kind="refund", held=(Held("a", amount, outputs),))
    if counts(amount, outputs):
        assert plan(decision).total == amount
    else:
        assert spendable("refund", PRICE, decision.held) == ()


def test_what_is_left_over_by_a_release_is_returned_by_further_payouts() -> None:
    crumbs = tuple(Held(str(n), 4 * 10**9) for n in range(250))
    taken = []
    while rest := crumbs[sum(map(len, taken)) :]:
        taken.append(plan(replace(RELEASE, kind="refund", held=rest)).deposits)

    assert list(map(len, taken)) == [100, 100, 50]


def test_the_fee_that_is_signed_for_follows_from_the_inputs_alone() -> None:
    three = Plan(7, ("a",), 3, PRICE, (Payment("vendor", "payee", PRICE),))
    fee = 3_390_000_000  # measured: three outputs of one transaction

    told = _described(fee=fee, recipients=[{"address": "payee", "amount": PRICE - fee}])

    assert disagreement(three, told) == ""
    assert disagreement(replace(three, inputs=1), told)


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
    wanted = plan(replace(_holding(PRICE, PRICE), refund_address="payee"))
    described = _described(amount_in=2 * PRICE, recipients=[{"address": "payee", "amount": 2 * PRICE - FEE}])

    assert disagreement(wanted, described) == ""


def test_whoever_decides_makes_it_and_whoever_is_paid_signs_second() -> None:
    assert signers("release", decided_by="buyer") == ("buyer", "vendor")
    assert signers("refund", decided_by="vendor") == ("vendor", "buyer")
    assert signers("release", decided_by="arbiter") == ("arbiter", "vendor")
    with pytest.raises(ValueError, match="themselves"):
        signers("release", decided_by="vendor")

"""Decides who is paid what, and whether a transaction says the same, as pure arithmetic that can be tried with any numbers.

All amounts are whole piconero. The rules for deposits that are not the price:

- too small: the order stays `created`; further deposits are added up until they reach the price;
- too large, or twice: the order is funded; what is over the price goes back to the buyer with the payout;
- after the payout was made: it goes back to the buyer in a payout of its own, once it is worth its fee.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["release", "refund"]
Wallet = Literal["buyer", "vendor", "arbiter"]

MIN_ESCROW_PICONERO = 10**10
"""Smallest price that an escrow is made for: five times the fee of its payout (1.8e9 piconero, measured)."""
WITNESSES: tuple[Wallet, Wallet] = ("vendor", "arbiter")
"""Whose wallets must both have seen a deposit: the one who would lose by a false one, and the one who has no side."""
PAID: tuple[Wallet, Wallet] = ("vendor", "buyer")
"""Whose wallets sign a payout second and submit it (`signers`), and so remember whom it paid."""
FEE_PICONERO, FEE_PER_DEPOSIT_PICONERO = 2 * 10**9, 10**9
"""A payout with one input weighs 1,507 and each further input about 620 (measured at 1.2e6 piconero a unit)."""
CONFIRMATIONS = 10
"""Blocks after which an output can be spent (monero: CRYPTONOTE_DEFAULT_TX_SPENDABLE_AGE); before, nothing is credited."""


@dataclass(frozen=True)
class Payment:
    """What one party is sent."""

    party: Literal["vendor", "buyer"]
    address: str
    amount: int


@dataclass(frozen=True)
class Plan:
    """A payout before its fee is known: it spends all that was credited to its subaddress, and the first payment bears the fee."""

    minor: int
    deposits: int
    total: int
    payments: tuple[Payment, ...]

    @property
    def fee_limit(self) -> int:
        """The highest fee that is signed for, in piconero."""
        return FEE_PICONERO + FEE_PER_DEPOSIT_PICONERO * self.deposits

    def after(self, fee: int) -> tuple[Payment, ...]:
        """The payments once the fee is taken."""
        first, *others = self.payments
        return (Payment(first.party, first.address, first.amount - fee), *others)


@dataclass(frozen=True)
class Decision:
    """A payout as it was decided, with what the ledger knows of its order."""

    order_id: str
    number: int
    kind: Kind
    signers: tuple[Wallet, Wallet]
    minor: int
    price: int
    amounts: tuple[int, ...]
    """What was credited and not paid out yet, deposit by deposit."""
    refund_address: str
    payout_address: str | None


def plan(decision: Decision) -> Plan:
    """Say who is sent what. Raises ValueError when there is nothing to pay from, or nobody to pay."""
    total = sum(decision.amounts)
    if decision.kind == "release":
        if not decision.payout_address:
            raise ValueError("a release needs the vendor's address")
        if total < decision.price:
            raise ValueError("less was credited than the price")
        payments = [Payment("vendor", decision.payout_address, decision.price)]
        if surplus := total - decision.price:
            payments.append(Payment("buyer", decision.refund_address, surplus))
    else:
        payments = [Payment("buyer", decision.refund_address, total)]
    made = Plan(decision.minor, len(decision.amounts), total, tuple(payments))
    if made.payments[0].amount <= made.fee_limit:
        raise ValueError("the payout is not worth its fee")
    return made


def is_worth_returning(amounts: Sequence[int]) -> bool:
    """Whether deposits that came after the payout can be sent back: less than a fee stays where it is."""
    return sum(amounts) > 2 * (FEE_PICONERO + FEE_PER_DEPOSIT_PICONERO * len(amounts))


def signers(kind: Kind, *, decided_by: Wallet) -> tuple[Wallet, Wallet]:
    """Say who makes a payout and who signs it second: whoever decides, and whoever is paid by it.

    A vendor decides to refund, a buyer to release, the arbiter either.
    """
    paid: Wallet = "vendor" if kind == "release" else "buyer"
    if decided_by == paid:
        raise ValueError("nobody decides for themselves")
    return decided_by, paid


def disagreement(wanted: Plan, described: Mapping[str, Any]) -> str:
    """Say how a wallet's description of a transaction differs from the plan; empty when it does not.

    Asked of the wallet that signs second, before it signs: whoever made the transaction may be wrong, or not ours any more.
    """
    transactions = described.get("desc")
    if not isinstance(transactions, list) or len(transactions) != 1:
        return "it is not exactly one transaction"
    one = transactions[0]
    fee, spent = one.get("fee"), one.get("amount_in")
    if not isinstance(fee, int) or not 0 < fee <= wanted.fee_limit:
        return f"its fee is {fee}, expected at most {wanted.fee_limit}"
    if spent != wanted.total:
        return f"it spends {spent}, expected {wanted.total}"
    if one.get("change_amount") != 0 or one.get("unlock_time") != 0:
        return "it keeps change or locks what it pays"
    expected: Counter[str] = Counter()
    for payment in wanted.after(fee):
        expected[payment.address] += payment.amount
    found: Counter[str] = Counter()
    for recipient in one.get("recipients") or ():
        found[str(recipient.get("address"))] += int(recipient.get("amount", 0))
    if found != expected:
        return f"it pays {sorted(found.values())} to {len(found)} addresses, expected {sorted(expected.values())} to others"
    return ""

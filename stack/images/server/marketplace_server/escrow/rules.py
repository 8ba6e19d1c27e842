"""Decides who is paid what, and whether a transaction says the same, as pure arithmetic that can be tried with any numbers.

All amounts are whole piconero. The rules for deposits that are not the price:

- too small: the order stays `created`; further deposits are added up until they reach the price;
- too large, or twice: the order is funded; what is over the price goes back to the buyer with the payout;
- in crumbs: a deposit that is not worth spending is written down, and counts for nothing (`counts`);
- in so many outputs that the fee would eat up the price: the order is not funded by them, and they are returned;
- after the payout was made, or left by it: it goes back to the buyer in a payout of its own.

Wallets would spend an output of one piconero as well (measured), at a fee of 7.4e8 that the vendor bears. So nothing that is
deposited later may make a payout dearer than what it pays: `spendable` takes the oldest deposits, and never fewer for more.
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
FEE_PICONERO, FEE_PER_INPUT_PICONERO = 2 * 10**9, 10**9
"""A payout with one input weighs 1,507 and each further input about 660 (measured at 1.2e6 piconero a unit)."""
WORTH_PICONERO = 3 * 10**9
"""What an output has to bring: more than it can cost to return it alone."""
INPUTS_AT_MOST = 100
"""A transaction may weigh 149,400, or 220 inputs; what is left over is returned by further ones."""
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
    deposits: tuple[str, ...]
    """The transactions whose outputs it spends: all that they paid to its subaddress, and nothing else that is there."""
    inputs: int
    total: int
    payments: tuple[Payment, ...]

    @property
    def fee_limit(self) -> int:
        """The highest fee that is signed for, in piconero."""
        return FEE_PICONERO + FEE_PER_INPUT_PICONERO * self.inputs

    def after(self, fee: int) -> tuple[Payment, ...]:
        """The payments once the fee is taken."""
        first, *others = self.payments
        return (Payment(first.party, first.address, first.amount - fee), *others)


@dataclass(frozen=True)
class Held:
    """A deposit that was credited and not paid out yet."""

    txid: str
    amount: int
    outputs: int = 1


@dataclass(frozen=True)
class Decision:
    """A payout as it was decided, with what the ledger knows of its order."""

    order_id: str
    number: int
    kind: Kind
    signers: tuple[Wallet, Wallet]
    minor: int
    price: int
    held: tuple[Held, ...]
    """Oldest first."""
    refund_address: str
    payout_address: str | None


def plan(decision: Decision) -> Plan:
    """Say who is sent what. Raises ValueError when there is nothing to pay from, or nobody to pay."""
    spent = spendable(decision.kind, decision.price, decision.held)
    total = sum(one.amount for one in spent)
    if decision.kind == "release":
        if not decision.payout_address:
            raise ValueError("a release needs the vendor's address")
        if total < decision.price:
            raise ValueError("less is held than the price")
        payments = [Payment("vendor", decision.payout_address, decision.price)]
        if surplus := total - decision.price:
            payments.append(Payment("buyer", decision.refund_address, surplus))
    else:
        payments = [Payment("buyer", decision.refund_address, total)]
    inputs = sum(one.outputs for one in spent)
    made = Plan(decision.minor, tuple(one.txid for one in spent), inputs, total, tuple(payments))
    if made.payments[0].amount <= made.fee_limit:
        raise ValueError("the payout is not worth its fee")
    return made


def counts(amount: int, outputs: int) -> bool:
    """Whether a deposit (piconero, in so many outputs) is worth spending; then it can be returned, also alone."""
    return amount > WORTH_PICONERO * outputs


def spendable(kind: Kind, price: int, held: Sequence[Held]) -> tuple[Held, ...]:
    """Say which deposits a payout spends. More of them never change what is said of those before.

    A vendor never loses more than half the price to the number of outputs that it was paid in.
    """
    at_most = INPUTS_AT_MOST
    if kind == "release":
        at_most = min(at_most, (price // 2 - FEE_PICONERO) // FEE_PER_INPUT_PICONERO)
    taken: list[Held] = []
    for one in held:
        if counts(one.amount, one.outputs) and one.outputs <= at_most:
            at_most -= one.outputs
            taken.append(one)
    return tuple(taken)


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

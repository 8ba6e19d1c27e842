"""The escrows of a list: paid on the real chain, shipped, disputed and decided by their parties, and settled in the end."""

from __future__ import annotations

from datetime import timedelta

from chaos.machines.customers import LATER, Customers
from chaos.machines.order_book import Asked
from stack.clients.escrow import Escrow
from stack.clients.market import Refused, Unanswered
from stack.clients.wallet import WalletError
from stack.errors import CannotTell, SeatrialError
from stack.purse import SPENDABLE_BLOCKS, Purse
from stack.received import received_wrongly
from stack.settling import PRICE_PICONERO, Settling, Voyage
from stack.waiting import eventually

VERBS = {"ship": "vendor", "dispute": "buyer", "release": "buyer", "refund": "vendor", "resolve": "arbiter"}
"""What is said of an order, and by whom."""
_NOT_NOW = 409
"""The order is in another state: the chain is not that far, or it was done already."""
_FOLLOWS_WITHIN = timedelta(seconds=4)
"""How long who acts waits for the worker's next round, while nothing stands that it could wait for."""
_SETTLED_WITHIN = timedelta(seconds=90)
_EVERY = timedelta(milliseconds=300)


class _Wrong(AssertionError):
    """An answer that must not be, told from one that was only waited for in vain."""


class Escrows:
    """Those of one list. Every method raises AssertionError for an answer that a right client never gets."""

    def __init__(self, customers: Customers, settling: Settling, purse: Purse, nonce: str, *, chain: str) -> None:
        self.chain = chain
        """The service without which nobody pays."""
        self._customers, self._settling, self._purse, self._nonce = customers, settling, purse, nonce
        self._voyages: dict[int, Voyage] = {}

    def refund_address(self, key: int) -> str:
        """Where its buyer wants the money back: the same whenever the order is asked for."""
        if key not in self._voyages:
            self._voyages[key] = Voyage("release", (PRICE_PICONERO,), (), self._purse.address(), self._purse.address())
        return self._voyages[key].refund_address

    def pay(self, key: int) -> str:
        """Its buyer pays, and blocks are mined until the deposit counts."""
        voyage, asked = self._voyages.get(key), self._asked(key)
        if voyage is None or asked is None or asked.told is None:
            return "no such order was acknowledged"
        if voyage.deposited:
            return "is paid already"
        voyage.order_id = asked.told.id
        try:
            address = self._deposit_address(voyage)
        except _Wrong:
            raise
        except (CannotTell, AssertionError) as error:
            return f"nowhere to pay yet ({error})"
        try:
            voyage.deposited.append(self._purse.pay(address, PRICE_PICONERO))
            self._purse.mine(SPENDABLE_BLOCKS)
        except (CannotTell, WalletError) as error:
            return f"{'not mined' if voyage.deposited else 'not paid'} ({error})"
        return f"paid by {voyage.deposited[0]}"

    def act(self, key: int, verb: str, *, patient: bool) -> str:
        """A party says what happens next; `patient`: it waits a moment for an order that is not that far."""
        asked = self._asked(key)
        if asked is None or asked.told is None or not asked.escrow:
            return "no such order was acknowledged"
        within = _FOLLOWS_WITHIN if patient and verb not in self._customers.book.verbs_of(asked) else timedelta(0)
        try:
            return eventually(lambda: self._said(asked, verb, key), within=within, every=_EVERY, what=verb)
        except _Wrong:
            raise
        except AssertionError:
            return "is not to be done now"

    def settle(self) -> None:
        """Take all that was paid to its end. Raises AssertionError when it does not get there, CannotTell."""
        paid = [one for one in self._voyages.values() if one.deposited]
        if not paid:
            return
        try:
            self._settling.settle(paid, within=_SETTLED_WITHIN)
        except WalletError as error:
            raise CannotTell(f"nobody mines: {error}") from error

    def received_wrongly(self) -> list[str]:
        """Say of each that was settled how its parties got something else than they should. Raises CannotTell."""
        return [
            said for one in self._voyages.values() if one.deposited and (said := received_wrongly(one, self._purse))
        ]

    def _asked(self, key: int) -> Asked | None:
        return next((one for one in self._customers.book.asked if one.key == f"{self._nonce}-{key}"), None)

    def _deposit_address(self, voyage: Voyage) -> str:
        """Raises AssertionError when there is none in time, CannotTell when nobody answers."""

        def known() -> str | None:
            return self._read(voyage.order_id).deposit_address

        return eventually(known, within=_FOLLOWS_WITHIN, every=_EVERY, what="a deposit address")

    def _read(self, order_id: str) -> Escrow:
        try:
            return self._customers.market.escrow(self._settling.tokens["buyer"], order_id)
        except CannotTell:
            raise
        except SeatrialError as answer:
            if isinstance(answer, Refused) and answer.status in LATER:
                raise CannotTell(str(answer)) from answer
            raise _Wrong(str(answer)) from answer

    def _said(self, asked: Asked, verb: str, key: int) -> str | None:
        """What came of it; None while it is not to be done."""
        assert asked.told is not None
        market, token, order_id = self._customers.market, self._settling.tokens[VERBS[verb]], asked.told.id
        floor = self._customers.book.highest
        try:
            match verb:
                case "ship":
                    sequence = market.ship(token, order_id, payout_address=self._voyages[key].payout_address)
                case "resolve":
                    sequence = market.resolve(token, order_id, "refund")
                case "dispute":
                    sequence = market.dispute(token, order_id)
                case "release":
                    sequence = market.release(token, order_id)
                case _:
                    sequence = market.refund(token, order_id)
        except Unanswered:
            return "no answer"
        except SeatrialError as answer:
            if not isinstance(answer, Refused) or answer.status not in LATER | {_NOT_NOW}:
                raise _Wrong(str(answer)) from answer
            return None if answer.status == _NOT_NOW else f"refused with {answer.status}"
        if wrong := self._customers.book.done(asked, verb, sequence, floor=floor):
            raise _Wrong("; ".join(wrong))
        return f"acknowledged, sequence {sequence}"

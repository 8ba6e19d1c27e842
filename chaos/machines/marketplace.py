"""The live marketplace under a list of orders and faults: does each step as a customer or the operator would, and looks."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from chaos.machines.customers import Customers, PassingTrade
from chaos.machines.escrows import Escrows
from chaos.machines.faulting import Standing
from chaos.machines.plan import Step
from chaos.probes import edge_serves, wallet_answers
from stack.errors import CannotTell
from stack.money import books_of, broken, in_the_books
from stack.waiting import eventually

if TYPE_CHECKING:
    from stack.model import Stack

_WELL_AGAIN_WITHIN = timedelta(seconds=60)
_JUDGED_WITHIN = timedelta(seconds=60)
_EVERY = timedelta(milliseconds=250)
_MOVES_MONEY = frozenset({"pay", "act", "end"})


class Marketplace:
    """A stack whose edge, server, chain and wallets are there, from three fresh accounts on."""

    def __init__(self, stack: Stack, customers: Customers, escrows: Escrows, standing: Standing) -> None:
        self._stack, self._customers, self._escrows, self._standing = stack, customers, escrows, standing
        self._seen: list[str] = []
        self._moved_money = False
        self._wave = 0
        self._steps: Mapping[str, Callable[..., str]] = {
            "register": customers.register,
            "list": customers.list_for_sale,
            "browse": customers.browse,
            "order": self._order,
            "pay": self._pay,
            "act": self._act,
            "begin": self._begin,
            "end": self._end,
        }

    def perform(self, step: Step) -> str:
        """Do it as the list says."""
        self._moved_money = step.name in _MOVES_MONEY
        return self._steps[step.name](**step.parameters)

    def complaints(self) -> Sequence[str]:
        """What customers see now, and what the books say now, as far as anybody answers."""
        found, self._seen = self._seen, []
        with suppress(CannotTell):
            found += self._customers.look()
        if self._moved_money:
            with suppress(CannotTell):
                found += in_the_books(books_of(self._stack))
        return list(dict.fromkeys(found))

    def end(self) -> None:
        """End what stands, and wait until everything answers."""
        self._standing.end()
        wait_until_well(self._stack, within=_WELL_AGAIN_WITHIN)

    def finish(self) -> Sequence[str]:
        """Ask for everything once more under its own key, take what was paid to its end, and judge all of it."""
        found = list(self.complaints())
        self._customers.ask_for_all_again()
        if not self._customers.book.acknowledged:
            raise CannotTell("no order was acknowledged, so none could be lost")
        self._escrows.settle()
        (judged,) = eventually(self._judged, within=_JUDGED_WITHIN, every=_EVERY, what="everybody can be asked")
        found += judged
        return list(dict.fromkeys(found))

    def _judged(self) -> tuple[list[str]]:
        """Raises CannotTell while somebody can't be asked."""
        return ([*self._customers.look(), *self._escrows.received_wrongly(), *broken(self._stack)],)

    def _order(self, key: int, buyer: int, listing: int, escrow: bool) -> str:
        refund_address = self._escrows.refund_address(key) if escrow else None
        name = f"{self._customers.nonce}-{key}"
        return self._customers.order(name, buyer=buyer, listing=listing, refund_address=refund_address)

    def _pay(self, key: int) -> str:
        if self._standing.fault is not None and self._escrows.chain in self._standing.fault.targets:
            # Whether a payment that is not answered was made can't be told by who makes it, and it is not what is tried here.
            return "its buyer waits until the chain is back"
        return self._escrows.pay(key)

    def _act(self, key: int, verb: str) -> str:
        return self._escrows.act(key, verb, patient=self._standing.fault is None)

    def _begin(self, effect: str, parameters: Mapping[str, Any], buyer: int, listing: int) -> str:
        return self._while_ordering(lambda: self._standing.begin(effect, parameters), buyer, listing)

    def _end(self) -> str:
        return self._while_ordering(self._standing.end, 0, 0) if self._standing.fault else "nothing stands"

    def _while_ordering(self, call: Callable[[], str], buyer: int, listing: int) -> str:
        """Orders are under way in the moment in which something breaks or comes back: that is when they get lost."""
        self._wave += 1
        trade = PassingTrade(self._customers, f"{self._customers.nonce}-wave{self._wave}", buyer=buyer, listing=listing)
        try:
            with trade:
                said = call()
        finally:
            self._seen += trade.complaints
            if trade.complaints:
                # Over whatever the call raised: a doubt must not hide what was seen.
                raise AssertionError("; ".join(self._seen))
        return f"{said}; meanwhile {trade}"


def wait_until_well(stack: Stack, *, within: timedelta) -> None:
    """Raises AssertionError when edge, server or a wallet does not answer `within` the time."""
    probes = [edge_serves("/api/listings"), *(wallet_answers(name) for name in stack.profile.wallets)]
    last: list[str] = []

    def well() -> bool:
        last[:] = [f"{probe.name}: {said}" for probe in probes if (said := probe.complaint(stack))]
        return not last

    try:
        eventually(well, within=within, every=_EVERY, what="everything answers")
    except AssertionError as error:
        raise AssertionError(f"not well again within {within.total_seconds():g} s: {'; '.join(last)}") from error


def fresh_nonce() -> str:
    """What tells this run's keys from those of all others."""
    return secrets.token_hex(6)

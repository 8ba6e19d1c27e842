"""OrderMachine: customers order, pay, ship and dispute while servers, wallets, chain and edge are killed, frozen and cut off."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from chaos.machines.customers import Customers
from chaos.machines.escrows import VERBS, Escrows
from chaos.machines.faulting import Standing, refuse_unknown
from chaos.machines.machine import Machine, System
from chaos.machines.marketplace import Marketplace, fresh_nonce, wait_until_well
from chaos.machines.plan import Plan, Step
from stack.errors import CannotTell, UserError
from stack.money import broken
from stack.purse import open_purse
from stack.settle import settling_on
from stack.waiting import eventually

if TYPE_CHECKING:
    from chaos.machines.drawing import Drawing
    from stack.model import Stack

_MOST = 10_000
_STEADY_WITHIN = timedelta(seconds=30)
_EVERY = timedelta(milliseconds=500)
_PARAMETERS: Mapping[str, frozenset[str]] = {
    "register": frozenset({"buyer"}),
    "list": frozenset({"listing"}),
    "browse": frozenset({"listing"}),
    "order": frozenset({"key", "buyer", "listing", "escrow"}),
    "pay": frozenset({"key"}),
    "act": frozenset({"key", "verb"}),
    "begin": frozenset({"effect", "parameters", "buyer", "listing"}),
    "end": frozenset(),
}


class OrderMachine(Machine):
    """What is promised to customers, whatever breaks."""

    name: ClassVar[str] = "orders"
    id: ClassVar[str] = "EXP-ORD-001"
    hypothesis: ClassVar[str] = (
        "Whatever breaks while customers order, pay, ship and dispute: an acknowledged order is there, once, as it was "
        "acknowledged, its state only moves on, later orders have higher numbers, and the ledger balances"
    )
    rationale: ClassVar[str] = (
        "Each fault by itself is tried elsewhere. Orders get lost in sequences nobody thought of: a retry after a crash in "
        "the middle of a payout while the chain was away."
    )
    remediation: ClassVar[str] = (
        "Replay the shortest list the finding names (pytest chaos --replay FILE), and acknowledge only what is committed, "
        "under a key that outlives the process."
    )
    # Its list kills the server and the chain, restarts the edge, and has an escrow shipped, disputed and resolved.
    gate_seed: ClassVar[int] = 136
    needs: ClassVar[tuple[str, ...]] = (
        "nginx", "server-blue", "monerod", "monero-wallet-rpc-buyer", "monero-wallet-rpc-vendor", "monero-wallet-rpc-arbiter",
    )  # fmt: skip
    steps: ClassVar[frozenset[str]] = frozenset(_PARAMETERS)

    def rules(self) -> type[Drawing]:
        """The model of the marketplace."""
        from chaos.machines.order_rules import OrderRules

        return OrderRules

    def is_worth_it(self, steps: Sequence[Step]) -> bool:
        """Some orders, one of them asked for again, an escrow that is paid, and two faults with orders in between."""
        names = [step.name for step in steps]
        orders = [step for step in steps if step.name == "order"]
        again = len(orders) > len({step.parameters["key"] for step in orders})
        return len(orders) >= 4 and again and "pay" in names and names.count("begin") >= 2

    def lacking(self, stack: Stack) -> str:
        """Also a chain and wallets that somebody promised: without them nobody pays."""
        said = stack.profile
        if lacks := super().lacking(stack):
            return lacks
        return (
            ""
            if said.chain and said.wallets and said.database
            else said.missing("[chain], [wallets.NAME] and [database]")
        )

    def refuse_nonsense(self, step: Step) -> None:
        """Raises UserError for parameters that are not the step's."""
        if step.parameters.keys() != _PARAMETERS[step.name]:
            expected = ", ".join(sorted(_PARAMETERS[step.name])) or "nothing"
            raise UserError(f"is with {', '.join(sorted(step.parameters)) or 'nothing'}, expected {expected}")
        for name in sorted(step.parameters.keys() & {"key", "buyer", "listing"}):
            _refuse_no_number(name, step.parameters[name])
        if step.name == "order" and not isinstance(step.parameters["escrow"], bool):
            raise UserError(f"escrow is {step.parameters['escrow']!r}, expected true or false")
        if step.name == "act" and step.parameters["verb"] not in list(VERBS):
            raise UserError(f"there is no verb {step.parameters['verb']!r}: it is one of {', '.join(VERBS)}")
        if step.name == "begin":
            refuse_unknown(step.parameters["effect"], step.parameters["parameters"])

    @contextmanager
    def fresh(self, stack: Stack, plan: Plan) -> Iterator[System]:
        """New accounts, a purse where something is paid, and the proof that nothing is wrong before anything is done."""
        try:
            wait_until_well(stack, within=_STEADY_WITHIN)
            if wrong := eventually(lambda: (broken(stack),), within=_STEADY_WITHIN, every=_EVERY, what="the books")[0]:
                raise CannotTell(f"not true before anything was done: {'; '.join(wrong)}")
        except AssertionError as error:
            raise CannotTell(f"not steady beforehand, so nothing was done: {error}") from error
        said = stack.profile.chain
        if said is None:
            raise CannotTell(self.lacking(stack))
        with ExitStack() as opened:
            spendings = sum(step.name == "pay" for step in plan.steps)
            purse = opened.enter_context(open_purse(stack, spendings=spendings))
            standing = opened.enter_context(Standing(stack))
            try:
                settling = settling_on(stack, purse)
            except AssertionError as error:
                raise CannotTell(f"no accounts could be made: {error}") from error
            nonce = fresh_nonce()
            customers = Customers(stack.edge, settling, nonce)
            escrows = Escrows(customers, settling, purse, nonce, chain=said.service)
            yield Marketplace(stack, customers, escrows, standing)


def _refuse_no_number(name: str, value: Any) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _MOST:
        raise UserError(f"{name} is {value!r}, expected a whole number from 0 to {_MOST}")

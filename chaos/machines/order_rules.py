"""The model of a marketplace and its troubles, as Hypothesis' rules: what customers do next, and what breaks meanwhile.

Everything is drawn with `sampled_from`: whole numbers and texts Hypothesis mixes with constants of whatever modules are
loaded, and then a seed would not give the same list everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from chaos.effect import Fault
from chaos.faults import Killed, Partitioned, Paused, Restarted
from chaos.machines.drawing import Drawing

BUYERS, LISTINGS, ESCROWS = 4, 3, 3
"""At most, in one list: registering is slow at the edge on purpose, and an escrow takes seconds to settle."""
SERVER, EDGE, CHAIN = "server-blue", "nginx", "monerod"
WALLETS = tuple(f"monero-wallet-rpc-{name}" for name in ("buyer", "vendor", "arbiter"))
_STANDS_FOR = (1, 2, 2, 3)
"""For how many steps a fault stands: each may wait for an answer that does not come."""


def _faults() -> list[Fault]:
    """What a list may contain, most of it about what keeps the orders. Restarts are told from kills: they are in order."""
    hit: list[Fault] = [
        Killed(SERVER),
        Killed(SERVER),
        Paused(SERVER),
        Restarted(SERVER),
        Partitioned(SERVER, (CHAIN, *WALLETS)),
    ]
    hit += [Killed(EDGE), Paused(EDGE), Restarted(EDGE), Partitioned(EDGE, (SERVER,))]
    hit += [Killed(CHAIN), Paused(CHAIN), Restarted(CHAIN)]
    return [*hit, *(kind(wallet) for wallet in WALLETS for kind in (Killed, Paused))]


FAULTS = tuple(_faults())


@dataclass
class _Order:
    key: int
    buyer: int
    listing: int
    escrow: bool
    paid: bool = False
    done: list[str] = field(default_factory=list)

    def parameters(self) -> dict[str, Any]:
        return {"key": self.key, "buyer": self.buyer, "listing": self.listing, "escrow": self.escrow}

    @property
    def next_verbs(self) -> Sequence[str]:
        """What its parties may say next, if all went well. What they said last they may say again: it must be refused."""
        if not self.paid:
            return ()
        if not self.done:
            return ("ship", "ship", "dispute")
        last = self.done[-1]
        return {"ship": ("release", "dispute", "ship"), "dispute": ("refund", "resolve", "dispute")}.get(last, (last,))


class OrderRules(Drawing):
    """Buyers, listings and orders; at most one fault stands at a time."""

    def __init__(self) -> None:
        """One buyer and one listing are there from the start."""
        super().__init__()
        self.buyers, self.listings = 1, 1
        self.orders: list[_Order] = []
        self.fault: Fault | None = None
        self.left = 0

    def do(self, name: str, **parameters: Any) -> None:
        """Write a step down, and the end of the fault that has stood for long enough.

        That is no rule of its own: Hypothesis leaves rules out, and a list whose faults never end shows nothing.
        """
        super().do(name, **parameters)
        if self.fault is not None:
            self.left -= 1
            if self.left == 0:
                self.fault = None
                super().do("end")

    @precondition(lambda self: self.buyers < BUYERS)
    @rule()
    def register(self) -> None:
        self.do("register", buyer=self.buyers)
        self.buyers += 1

    @precondition(lambda self: self.listings < LISTINGS)
    @rule()
    def list_for_sale(self) -> None:
        self.do("list", listing=self.listings)
        self.listings += 1

    @rule(data=st.data())
    def order(self, data: st.DataObject) -> None:
        made = _Order(
            len(self.orders),
            data.draw(st.sampled_from(range(self.buyers))),
            data.draw(st.sampled_from(range(self.listings))),
            False,
        )
        self.orders.append(made)
        self.do("order", **made.parameters())

    @precondition(lambda self: sum(one.escrow for one in self.orders) < ESCROWS)
    @rule()
    def order_with_escrow(self) -> None:
        # Buyer and listing 0 are those whose money is followed on the chain.
        made = _Order(len(self.orders), 0, 0, True)
        self.orders.append(made)
        self.do("order", **made.parameters())

    @precondition(lambda self: self.orders)
    @rule(data=st.data())
    def order_again(self, data: st.DataObject) -> None:
        self.do("order", **data.draw(st.sampled_from(self.orders)).parameters())

    @rule(data=st.data())
    def browse(self, data: st.DataObject) -> None:
        self.do("browse", listing=data.draw(st.sampled_from(range(self.listings))))

    @precondition(lambda self: self.unpaid())
    @rule(data=st.data())
    def pay(self, data: st.DataObject) -> None:
        paid = data.draw(st.sampled_from(self.unpaid()))
        paid.paid = True
        self.do("pay", key=paid.key)

    @precondition(lambda self: self.under_way())
    @rule(data=st.data())
    def act(self, data: st.DataObject) -> None:
        order = data.draw(st.sampled_from(self.under_way()))
        verb = data.draw(st.sampled_from(order.next_verbs))
        order.done.append(verb)
        self.do("act", key=order.key, verb=verb)

    @precondition(lambda self: self.fault is None)
    @rule(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        fault = data.draw(st.sampled_from(FAULTS))
        buyer, listing = (
            data.draw(st.sampled_from(range(self.buyers))),
            data.draw(st.sampled_from(range(self.listings))),
        )
        parameters = {
            name: list(one) if isinstance(one, tuple) else one for name, one in fault.parameters.items() if one != ()
        }
        self.do("begin", effect=fault.effect, parameters=parameters, buyer=buyer, listing=listing)
        self.fault, self.left = fault, data.draw(st.sampled_from(_STANDS_FOR))

    def unpaid(self) -> list[_Order]:
        """Escrows that nobody paid for yet."""
        return [one for one in self.orders if one.escrow and not one.paid]

    def under_way(self) -> list[_Order]:
        """Orders of which somebody may say something about the money."""
        return [one for one in self.orders if one.next_verbs]

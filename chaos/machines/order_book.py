"""What customers were told, and what can't be true beside it: acknowledged once is there for good, once, and only moves on."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

from stack.clients.market import Listing, Order

FOLLOWS: dict[str, frozenset[str]] = {
    "created": frozenset({"funded", "shipped", "disputed", "released", "refunded"}),
    "funded": frozenset({"shipped", "disputed", "released", "refunded"}),
    "shipped": frozenset({"disputed", "released", "refunded"}),
    "disputed": frozenset({"released", "refunded"}),
    "released": frozenset(),
    "refunded": frozenset(),
}
"""State → those an order can be seen in later (marketplace_server.schema: order_transitions, and what follows from them)."""
_AFTER_VERB = {
    "ship": frozenset({"shipped", "disputed", "released", "refunded"}),
    "dispute": frozenset({"disputed", "released", "refunded"}),
}
"""What an order is at least, once its party was told that this is done. A decision is carried out when the chain has it."""
DECISIONS = frozenset({"release", "refund", "resolve"})


@dataclass
class Asked:
    """An order that somebody asked for, under its own Idempotency-Key, as often as they liked."""

    key: str
    buyer: int
    listing: int
    escrow: bool
    told: Order | None = None
    """What the first acknowledgement said."""
    floor: int = 0
    """The highest number that was acknowledged to anybody before it was first asked for."""
    seen: str = "created"
    """The last state it was seen in."""


class OrderBook:
    """Remembers every acknowledgement. Its methods return what is wrong, in sentences; they can be called by several threads."""

    def __init__(self) -> None:
        """Nothing was asked for yet."""
        self._lock = threading.Lock()
        self._numbers: dict[int, str] = {}
        self._asked: dict[str, Asked] = {}
        self._listings: dict[str, Listing] = {}
        self._verbs: dict[tuple[str, str], int] = {}

    @property
    def highest(self) -> int:
        """The highest number acknowledged until now: what is first asked for from here on gets a higher one."""
        with self._lock:
            return max(self._numbers, default=0)

    @property
    def asked(self) -> tuple[Asked, ...]:
        """Everything that was asked for, answered or not."""
        with self._lock:
            return tuple(self._asked.values())

    @property
    def acknowledged(self) -> int:
        """How many orders were acknowledged."""
        return sum(one.told is not None for one in self.asked)

    def number(self, what: str, sequence: int, *, floor: int) -> list[str]:
        """A new write was acknowledged with this number; `floor` is `highest` as it was before it was asked for."""
        with self._lock:
            before, self._numbers[sequence] = self._numbers.get(sequence), what
        found = [f"{what} and {before} were both acknowledged with sequence {sequence}"] if before else []
        if sequence <= floor:
            found.append(f"{what} got sequence {sequence}, and {floor} had been acknowledged before it was asked for")
        return found

    def listed(self, listing: Listing, *, floor: int) -> list[str]:
        """A listing was acknowledged."""
        with self._lock:
            self._listings[listing.id] = listing
        return self.number(f"listing {listing.id}", listing.sequence, floor=floor)

    def asking(self, key: str, *, buyer: int, listing: int, escrow: bool) -> Asked:
        """Somebody is about to ask for an order under this key, for the first time or again."""
        floor = self.highest
        with self._lock:
            return self._asked.setdefault(key, Asked(key, buyer, listing, escrow, floor=floor))

    def answered(self, asked: Asked, order: Order) -> list[str]:
        """An order was acknowledged under this key."""
        with self._lock:
            first, asked.told = asked.told, asked.told or order
        if first is None:
            wrong_key = (
                [] if order.idempotency_key == asked.key else [f"order {order.id} is under another key than asked"]
            )
            return [*wrong_key, *self.number(f"order {order.id}", order.sequence, floor=asked.floor)]
        if first.id != order.id:
            return [f"doubled: asked again under the key of order {first.id}, and order {order.id} was acknowledged"]
        return _changed(first, order)

    def done(self, asked: Asked, verb: str, sequence: int, *, floor: int) -> list[str]:
        """A party of the order was told that this is done."""
        assert asked.told is not None
        found = self.number(f"{verb} of order {asked.told.id}", sequence, floor=floor)
        with self._lock:
            again = [one for one in self._verbs if one[0] == asked.key and _excludes(one[1], verb)]
            self._verbs[asked.key, verb] = sequence
        return [*found, *(f"order {asked.told.id}: {verb} was acknowledged after {one}" for _, one in again)]

    def verbs_of(self, asked: Asked) -> frozenset[str]:
        """What was acknowledged to the parties of an order."""
        with self._lock:
            return frozenset(verb for key, verb in self._verbs if key == asked.key)

    def owns(self, buyer: int, orders: Iterable[Order]) -> list[str]:
        """The marketplace says that these are all the buyer's orders."""
        there = list(orders)
        times = Counter(order.idempotency_key for order in there)
        by_key = {order.idempotency_key: order for order in there}
        found = [
            f"doubled: {times[key]} orders of buyer {buyer} are under one key, the last is {by_key[key].id}"
            for key in sorted(key for key, count in times.items() if count > 1)
        ]
        known = {one.key: one for one in self.asked if one.buyer == buyer}
        found += [
            f"order {by_key[key].id} is there, and buyer {buyer} never asked for it"
            for key in by_key
            if key not in known
        ]
        for one in known.values():
            if one.told is not None:
                found += self._kept(one, one.told, by_key.get(one.key))
        return found

    def offers(self, listings: Iterable[Listing]) -> list[str]:
        """The marketplace says that these are all the vendor's listings."""
        there = list(listings)
        times, by_id = Counter(one.title for one in there), {one.id: one for one in there}
        with self._lock:
            mine = tuple(self._listings.values())
        found = [
            f"lost: listing {one.id} was acknowledged with sequence {one.sequence}"
            for one in mine
            if one.id not in by_id
        ]
        found += [f"listing {one.id} is not what was acknowledged" for one in mine if by_id.get(one.id, one) != one]
        return [*found, *(f"doubled: listing {title!r}" for title, count in times.items() if count > 1)]

    def _kept(self, asked: Asked, told: Order, now: Order | None) -> list[str]:
        if now is None:
            return [
                f"lost: order {told.id} was acknowledged with sequence {told.sequence}, and its buyer has no such order"
            ]
        if now.id != told.id:
            return [f"lost: order {told.id} was acknowledged, and order {now.id} stands under its key"]
        found = _changed(told, now)
        with self._lock:
            before, asked.seen = asked.seen, now.state
        if now.state != before and now.state not in FOLLOWS.get(before, frozenset()):
            found.append(f"order {told.id} was {before} and is {now.state}")
        found += [
            f"order {told.id} is {now.state}, and its {verb} was acknowledged"
            for verb in sorted(self.verbs_of(asked))
            if now.state not in _AFTER_VERB.get(verb, {now.state})
        ]
        return found


def _changed(told: Order, now: Order) -> list[str]:
    if replace(told, state=now.state) == now:
        return []
    names = [name for name in vars(told) if name != "state" and getattr(told, name) != getattr(now, name)]
    return [
        f"order {told.id} is not what was acknowledged: {name} was {getattr(told, name)!r} and is {getattr(now, name)!r}"
        for name in names
    ]


def _excludes(done: str, verb: str) -> bool:
    """Each is done once, and only one decision is made."""
    return done == verb or (done in DECISIONS and verb in DECISIONS)

"""What the degraded check makes of each way that business can go while services are away."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from chaos.sampling import Sample, Series
from stack.clients.market import Refused, Unanswered
from stack.errors import CannotTell
from stack.journey import Ack, Losses
from stack.profile import Degraded
from suites.failover import degraded
from suites.failover.degraded import Refusal, Survived, survive
from suites.failover.test_degraded import complaints

CASE = Degraded(without=("wallet",), serves=("/",), refuses=("order",), within_seconds=0.5)
POLITE = Refusal("ordering was refused with status 503", 503, 5.0, 0.1)


def served(*good: bool) -> dict[str, Series]:
    return {"/": Series(tuple(Sample(float(n), 0.1, None if one else "GET /: 500") for n, one in enumerate(good)))}


def survived(**changed: Any) -> Survived:
    sound: dict[str, Any] = {
        "served": served(True, True), "noticed_seconds": 0.1, "refusals": [POLITE] * 3, "back_seconds": 1.0,
    }  # fmt: skip
    return Survived(**{**sound, **changed})


def test_polite_refusals_and_no_loss_are_fine() -> None:
    assert complaints(CASE, survived()) == []


@pytest.mark.parametrize(
    ("seen", "says"),
    [
        (survived(served=served(True, False, True)), "/: not served for 1.10 s (GET /: 500)"),
        (
            survived(noticed_seconds=None, refusals=[Refusal("it broke with status 500", 500, None, 0.1)]),
            "no write was refused with 503 and Retry-After within 0.5 s (it broke with status 500)",
        ),
        (
            survived(noticed_seconds=None, refusals=[]),
            "no write was refused with 503 and Retry-After within 0.5 s (every write was acknowledged)",
        ),
        (
            survived(refusals=[POLITE, Refusal("no whole answer came", None, None, 10)]),
            "no whole answer came, expected status 503 with Retry-After",
        ),
        (
            survived(refusals=[POLITE, Refusal("status 503", 503, None, 0.1)]),
            "status 503, expected status 503 with Retry-After",
        ),
        (survived(taken=[Ack(7, "order", 0.0, "k")]), "order k was acknowledged, expected a refusal"),
        (survived(back_seconds=None), "writes were not taken again 0.5 s after all was back"),
        (
            survived(losses=Losses(lost=(Ack(7, "order", 0.0, "k"),))),
            "of what was acknowledged: 1 lost (first: order k, sequence 7)",
        ),
        (survived(wrong_money=["the ledger sums to 1"]), "the ledger sums to 1"),
    ],
)
def test_anything_else_is_named(seen: Survived, says: str) -> None:
    assert complaints(CASE, seen) == [says]


class Shop:
    """A journey whose orders are answered as the shop is told to while the wallet is away."""

    def __init__(self, *, while_away: Exception | None, forgets: bool = False) -> None:
        self.away = False
        self.while_away, self.forgets = while_away, forgets
        self.acks: list[Ack] = []

    def act(self) -> Ack:
        if self.away and self.while_away is not None:
            raise self.while_away
        ack = Ack(len(self.acks) + 1, "order", 0.0, f"k{len(self.acks)}")
        self.acks.append(ack)
        return ack

    def verify(self, acks: Any) -> Losses:
        assert set(acks) == set(self.acks), "all that was acknowledged is verified"
        return Losses(lost=tuple(self.acks[:1])) if self.forgets else Losses()


@pytest.fixture
def open_shop(monkeypatch: pytest.MonkeyPatch) -> Any:
    def open_(shop: Shop) -> Survived:
        @contextmanager
        def away(_stack: object, _services: object) -> Iterator[None]:
            shop.away = True
            yield
            shop.away = False

        fine: Any = SimpleNamespace(complaint=lambda _stack: None)
        monkeypatch.setattr(degraded, "journey_of", lambda _stack: shop)
        monkeypatch.setattr(degraded, "edge_serves", lambda _path: fine)
        monkeypatch.setitem(degraded.ABSENCES, "paused", away)
        stack: Any = SimpleNamespace(profile=SimpleNamespace(chain=None, wallets={}))
        return survive(stack, CASE, "paused")

    return open_


def test_business_goes_on_around_the_absence(open_shop: Any) -> None:
    seen = open_shop(Shop(while_away=Refused("ordering", 503, "wallets_unavailable", 5.0)))

    assert complaints(CASE, seen) == []
    assert len(seen.refusals) == degraded.REFUSALS + 1
    assert seen.served["/"].samples


@pytest.mark.parametrize(
    ("shop", "says"),
    [
        (Shop(while_away=Refused("ordering", 500, "internal", None)), "no write was refused .*status 500"),
        (Shop(while_away=Unanswered("no whole answer came")), "no write was refused .*no whole answer came"),
        (Shop(while_away=None), "every write was acknowledged"),
        (Shop(while_away=Refused("ordering", 503, "unavailable", 1.0), forgets=True), "1 lost"),
    ],
)
def test_a_shop_that_does_otherwise_is_found(open_shop: Any, shop: Shop, says: str) -> None:
    found = complaints(CASE, open_shop(shop))

    with pytest.raises(AssertionError, match=says):
        assert not found, "; ".join(found)


def test_a_journey_that_never_orders_cannot_tell(open_shop: Any) -> None:
    shop = Shop(while_away=None)
    shop.act = lambda: Ack(1, "listing", 0.0, "k")  # type: ignore[method-assign]

    with pytest.raises(CannotTell, match="12 writes of the journey had none of kind order"):
        open_shop(shop)

"""What settling says: how far an order got, what the parties got, and how the commands tell of it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from stack import sailing
from stack.clients.market import Refused
from stack.errors import CannotTell, SeatrialError
from stack.received import received_wrongly
from stack.sailing import escrows_among
from stack.settle import Settled, main
from stack.settling import PRICE_PICONERO, Settling, Voyage

FEE = 1_800_000_000
OVER = Voyage(
    "release", (PRICE_PICONERO,), (), "home", "payee",
    order_id="o", state="released", deposited=["d"], received=PRICE_PICONERO, payouts=("p",), timeline=[(9.5, "released")],
)  # fmt: skip


class _Purse:
    """What a customer's wallet saw; every transaction on its chain was charged the same fee."""

    def __init__(self, *, unknown: tuple[str, ...] = (), **received: dict[str, int]) -> None:
        self._received = received
        self._unknown = unknown
        self.daemon = self

    def plain(self, _path: str, *, txs_hashes: list[str], **_: object) -> dict[str, Any]:
        as_json = json.dumps({"rct_signatures": {"txnFee": FEE}})
        known = [txid for txid in txs_hashes if txid not in self._unknown]
        return {"txs": [{"tx_hash": txid, "in_pool": False, "as_json": as_json} for txid in known]}

    def received(self, address: str) -> dict[str, int]:
        return self._received.get(address, {})


@pytest.mark.parametrize(
    ("changes", "is_over"),
    [
        ({}, True),
        ({"state": "shipped"}, False),
        ({"payouts": ()}, False),
        ({"held": 1}, False),
        ({"received": PRICE_PICONERO - 1}, False),
        ({"late_deposits": (PRICE_PICONERO,)}, False),
        ({"late_deposits": (PRICE_PICONERO,), "received": 2 * PRICE_PICONERO}, True),
    ],
)
def test_an_order_is_over_when_all_that_was_paid_has_gone_where_it_goes(changes: dict[str, Any], is_over: bool) -> None:
    assert replace(OVER, **changes).is_over is is_over


def test_a_deposit_that_was_made_and_not_credited_is_expected() -> None:
    assert not OVER.is_expected
    assert replace(OVER, received=0).is_expected
    assert not replace(OVER, received=0, deposited=[]).is_expected


@pytest.mark.parametrize(
    ("voyage", "purse", "reason"),
    [
        (OVER, _Purse(payee={"p": PRICE_PICONERO - FEE}), ""),
        (OVER, _Purse(payee={"p": PRICE_PICONERO}), "the vendor got"),
        (
            OVER,
            _Purse(payee={"p": PRICE_PICONERO - FEE - 1}),
            f"expected {PRICE_PICONERO - FEE} and 0 after fees of {FEE}",
        ),
        (OVER, _Purse(payee={"p": PRICE_PICONERO * 6 // 10 - FEE}), "the vendor got"),
        (OVER, _Purse(payee={"p": PRICE_PICONERO - FEE}, unknown=("p",)), "the chain knows [] of its payouts"),
        (
            replace(OVER, deposits=(2 * PRICE_PICONERO,)),
            _Purse(payee={"p": PRICE_PICONERO - FEE}, home={"p": PRICE_PICONERO}),
            "",
        ),
        (
            replace(OVER, deposits=(2 * PRICE_PICONERO,)),
            _Purse(payee={"p": PRICE_PICONERO - FEE}, home={"p": PRICE_PICONERO - FEE}),
            "the buyer",
        ),
        (OVER, _Purse(payee={"p": PRICE_PICONERO - FEE, "again": 1}), "its parties were paid by"),
        (OVER, _Purse(payee={"p": PRICE_PICONERO - FEE}, home={"p": 1}), "the buyer {'p': 1}"),
        (replace(OVER, state="refunded"), _Purse(home={"p": PRICE_PICONERO - FEE}), ""),
        (replace(OVER, state="refunded"), _Purse(payee={"p": PRICE_PICONERO - FEE}), "the vendor got"),
        (
            replace(OVER, late_deposits=(PRICE_PICONERO,), payouts=("p", "back")),
            _Purse(payee={"p": PRICE_PICONERO - FEE}, home={"back": PRICE_PICONERO - FEE}),
            "",
        ),
        (
            replace(OVER, late_deposits=(PRICE_PICONERO,), payouts=("p", "back")),
            _Purse(payee={"p": PRICE_PICONERO - FEE}, home={"back": FEE}),
            "the buyer",
        ),
    ],
)
def test_what_the_parties_got_is_compared_with_the_order(voyage: Voyage, purse: Any, reason: str) -> None:
    said = received_wrongly(voyage, purse)

    assert reason in said
    assert bool(said) is bool(reason)


def test_a_wait_in_vain_says_what_is_still_wrong_and_why() -> None:
    settling = Settling.__new__(Settling)
    stuck = replace(OVER, state="shipped", payouts=(), timeline=[])

    def unanswered(*_: object) -> None:
        raise CannotTell("the edge is away")

    settling._advance = unanswered  # type: ignore[method-assign]
    settling._mine = unanswered  # type: ignore[method-assign]

    with pytest.raises(AssertionError, match=r"order o \(release\) is shipped.*last trouble: the edge is away"):
        settling.settle([OVER, stuck], within=timedelta(milliseconds=10))


@pytest.mark.parametrize("status", [400, 403, 404, 500])
def test_an_answer_that_a_right_client_never_gets_ends_that_order_and_no_other(status: int) -> None:
    settling = Settling.__new__(Settling)
    lost, sound = replace(OVER, order_id="lost", state="shipped"), replace(OVER, order_id="sound", state="shipped")

    def advance(voyage: Voyage, _: object) -> None:
        if voyage is lost:
            raise Refused("reading an escrow", status, "gone", None)
        voyage.state = "released"

    settling._advance = advance  # type: ignore[method-assign]
    settling._mine = lambda _: None  # type: ignore[method-assign]

    with pytest.raises(
        AssertionError, match=f"order lost .*given up: reading an escrow was refused with status {status}"
    ):
        settling.settle([lost, sound], within=timedelta(seconds=30))
    assert sound.is_over


@pytest.mark.parametrize("status", [409, 429, 502, 503, 504])
def test_what_is_to_be_asked_again_is_no_failure(status: int) -> None:
    settling = Settling.__new__(Settling)
    voyage = replace(OVER, state="funded", payouts=())

    def refused(*_: object) -> None:
        raise Refused("to ship an order", status, "later", None)

    settling._read = lambda _: None  # type: ignore[assignment,method-assign,return-value]
    settling._next = lambda *_: refused  # type: ignore[method-assign]

    settling._try(voyage, lambda _: False)

    assert not voyage.failure


def test_an_order_that_is_refused_begins_with_its_failure() -> None:
    settling = Settling.__new__(Settling)

    class Closed:
        def order_with_escrow(self, *_: object, **__: object) -> None:
            raise Refused("ordering with an escrow", 500, "internal", None)

    settling._market, settling._tokens, settling._listing = Closed(), {"buyer": "t"}, SimpleNamespace(id="l")  # type: ignore[assignment]
    settling._purse = SimpleNamespace(address=lambda: "a")  # type: ignore[assignment]

    voyage = settling.begin("release")

    with pytest.raises(AssertionError, match="given up: ordering with an escrow was refused with status 500"):
        settling.settle([voyage], within=timedelta(seconds=30))


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (SeatrialError("account a could not be made the arbiter"), AssertionError),
        (AssertionError("registering was refused with status 403"), AssertionError),
        (CannotTell("no engine"), CannotTell),
    ],
)
def test_what_keeps_a_journey_from_settling_is_told_with_the_rest(
    error: Exception, kind: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def settle(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("stack.settle.settle", settle)

    told = sailing._settle(object(), 1, 1.0)  # type: ignore[arg-type]

    assert type(told) is kind
    assert str(told) == str(error)


def test_the_command_tells_of_each_order_and_of_what_is_not_true(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    done = Settled((OVER,), ("the ledger sums to 1",), 30.0, 7)
    monkeypatch.setattr("stack.settle.load", lambda *_: None)
    monkeypatch.setattr("stack.settle.settle", lambda *_, **__: done)

    assert main(["--orders", "1"]) == 1
    told = capsys.readouterr().out
    assert main(["--orders", "1", "--json"]) == 1
    said = json.loads(capsys.readouterr().out)

    assert "order o: release, released after 9.5 s" in told
    assert "1 orders in 30.0 s: 2 settle per minute" in told
    assert "NOT TRUE: the ledger sums to 1" in told
    assert (said["not_true"], said["orders"][0]["payouts"]) == (["the ledger sums to 1"], ["p"])


@pytest.mark.parametrize("argv", [["--orders", "0"], ["--orders", "many"], ["--ending", "nowhere"], ["--within", "nan"], ["--within", "-1"], ["--within", "inf"]])
def test_bad_input_leaves_with_4(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(argv)

    assert left.value.code == 4
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(("writes", "share", "count"), [(600, 0.01, 6), (10, 0.01, 1), (600, 0, 0), (10**6, 1, 200)])
def test_a_share_of_the_writes_are_orders_to_settle(writes: float, share: float, count: int) -> None:
    assert escrows_among(writes, share) == count


@pytest.mark.parametrize(
    ("settled", "code", "told"),
    [
        (Settled((OVER,), (), 30.0, 0), 0, "all invariants hold; 0 piconero locked"),
        (Settled((OVER,), ("5 is locked",), 30.0, 5), 1, "NOT TRUE      5 is locked"),
        (AssertionError("1 orders settled: not within 150 s"), 1, "NOT TRUE: 1 orders settled"),
        (CannotTell("no engine"), 4, "cannot tell: no engine"),
    ],
)
def test_a_journey_is_judged_by_its_money_too(
    settled: object, code: int, told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    acked = SimpleNamespace(act=lambda: sailing.Ack(1, "order", 0.0, "k"), verify=lambda _: sailing.Losses())
    monkeypatch.setattr("stack.sailing._stack_and_journey", lambda _: (object(), acked))
    monkeypatch.setattr("stack.sailing._settle", lambda *_: settled)

    assert sailing.main(["run", "--for", "100ms", "--rate", "10"]) == code
    assert told in capsys.readouterr().out

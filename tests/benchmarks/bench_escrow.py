"""What an escrow takes on real wallets and a real chain, from the order to a payout in a block, alone and among twenty."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from datetime import timedelta

from stack.errors import SeatrialError
from stack.model import Stack
from stack.settle import ENDINGS, settle
from stack.settling import Ending
from tests.benchmarks.figure import NotMeasured, figure
from tests.benchmarks.small_stack import small_stack

_SERVICES = (
    "nginx",
    "server-blue",
    "monerod",
    *(f"monero-wallet-rpc-{name}" for name in ("buyer", "vendor", "arbiter")),
)
_TWENTY = 20
_WITHIN = timedelta(minutes=5)


@figure("A whole escrow, order to mined payout", unit="s", at_most=10.0)
def whole_escrow() -> Sequence[float]:
    """Ordered, paid in one transaction, shipped, released and mined, its parties looking every 150 ms; three, one after the other."""
    return _seconds(["release"], ["release"], ["release"])


@figure("Twenty interleaved escrows, every money invariant judged: each (20 a minute)", unit="s", at_most=3.0)
def twenty_escrows() -> Sequence[float]:
    """From the first order to the last payout in a block, divided by twenty; the five endings in turn."""
    return _seconds([ENDINGS[number % len(ENDINGS)] for number in range(_TWENTY)])


def _seconds(*runs: Sequence[Ending]) -> list[float]:
    """Settle each run's orders on one small stack and say how long an order took; for ever where the money is not right."""
    with small_stack(*_SERVICES) as stack:
        return [_each(stack, endings) for endings in runs]


def _each(stack: Stack, endings: Sequence[Ending]) -> float:
    try:
        done = settle(stack, endings, within=_WITHIN)
    except AssertionError as late:
        wrong = [str(late)]
    except SeatrialError as error:
        raise NotMeasured(str(error)) from error
    else:
        wrong = list(done.wrong)
        if not wrong:
            return done.seconds / len(endings)
    print("; ".join(wrong), file=sys.stderr)
    return math.inf

"""Asks one server in a thread of its own, so that one that hangs delays nobody and is never asked twice at once."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from .config import Endpoint
from .rpc import Rpc, RpcFailure, RpcMetrics

T = TypeVar("T")

_LARGEST = 2**64 - 1
"""Amounts, heights and counts of Monero have 64 bits; JSON knows no bound, and a gauge (a float) takes no 400 digits."""


@dataclass(frozen=True)
class Wallet:
    """What a wallet said. Amounts in piconero."""

    balance: int
    unlocked: int
    height: int
    unspent_outputs: int


class Source(Generic[T]):
    """One server and the question put to it at each scrape; calls to it are serialised."""

    def __init__(self, endpoint: Endpoint, question: Callable[[Rpc, float], T], metrics: RpcMetrics) -> None:
        """Prepare the thread; nothing is sent."""
        self.name = endpoint.name
        self._rpc = Rpc(endpoint, metrics)
        self._question = question
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"rpc-{endpoint.name}")
        self._guard = threading.Lock()
        self._asking: Future[tuple[T, float]] | None = None

    def ask(self, deadline: float) -> "Future[tuple[T, float]]":
        """Start asking, or join the question that is still open (two scrapes at once cost the wallet one).

        The future gives the answer and the seconds it took, or raises RpcFailure.
        """
        with self._guard:
            if self._asking is None or self._asking.done():
                self._asking = self._thread.submit(self._timed, deadline)
            return self._asking

    def close(self) -> None:
        """Let the thread go; an open question ends at its own deadline."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _timed(self, deadline: float) -> tuple[T, float]:
        started = time.monotonic()
        return self._question(self._rpc, deadline), time.monotonic() - started


def answered(future: "Future[tuple[T, float]]", deadline: float) -> tuple[T, float] | None:
    """Wait for an answer until the deadline; None when there is none."""
    try:
        return future.result(timeout=max(0.0, deadline - time.monotonic()))
    except (RpcFailure, FutureTimeout):
        return None


def wallet_state(rpc: Rpc, deadline: float) -> Wallet:
    """Ask a wallet for its balance over all accounts and for the height it has scanned to. Raises RpcFailure."""
    balance = rpc.call("get_balance", {"account_index": 0, "all_accounts": True}, deadline=deadline)
    height = rpc.call("get_height", {}, deadline=deadline)
    # num_unspent_outputs is told per subaddress only; a wallet without any leaves the whole list out.
    subaddresses = balance.get("per_subaddress", [])
    if not isinstance(subaddresses, list):
        raise RpcFailure("per_subaddress is not a list")
    return Wallet(
        balance=_whole(balance, "balance"),
        unlocked=_whole(balance, "unlocked_balance"),
        height=_whole(height, "height"),
        unspent_outputs=sum(_whole(subaddress, "num_unspent_outputs") for subaddress in subaddresses),
    )


def daemon_height(rpc: Rpc, deadline: float) -> int:
    """Ask a daemon for the height of its chain. Raises RpcFailure."""
    return _whole(rpc.call("get_block_count", {}, deadline=deadline), "count")


def _whole(table: Any, key: str) -> int:
    value = table.get(key) if isinstance(table, dict) else None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _LARGEST:
        raise RpcFailure(f"{key} is not a whole number of 64 bits")
    return value

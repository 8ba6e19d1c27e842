"""What the chain itself knows of transactions, whoever made them: whether a block has them, and what it charged for them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stack.errors import CannotTell

if TYPE_CHECKING:
    from stack.clients.inside import InsideRpc

_AT_ONCE = 100
"""A daemon answers for no more in one call (monero: RESTRICTED_TRANSACTIONS_COUNT)."""


@dataclass(frozen=True)
class OnChain:
    """A transaction that is in a block, or waits for one in the pool."""

    in_block: bool
    fee: int
    """What its maker paid to whoever mined it, in piconero: exact, for amounts are hidden on this chain and fees are not."""


def on_chain(chain: InsideRpc, txids: Sequence[str]) -> dict[str, OnChain]:
    """Look transactions up; those that the chain does not know are missing in the answer.

    Raises:
        CannotTell: the daemon does not answer, or says nothing of a fee.

    """
    found: dict[str, OnChain] = {}
    for start in range(0, len(txids), _AT_ONCE):
        asked = list(txids[start : start + _AT_ONCE])
        told = chain.plain("/get_transactions", txs_hashes=asked, prune=True, decode_as_json=True)
        found |= {one["tx_hash"]: OnChain(not one["in_pool"], _fee(one)) for one in told.get("txs", ())}
    return found


def _fee(told: dict[str, Any]) -> int:
    try:
        return int(json.loads(told["as_json"])["rct_signatures"]["txnFee"])
    except (ValueError, KeyError, TypeError) as error:
        message = f"the chain says nothing of the fee of transaction {told.get('tx_hash')}"
        raise CannotTell(message) from error

"""Makes two of the three wallets spend together, and mines it: the only proof that a restored wallet can sign."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from stack.clients.wallet import PICONERO, WalletError, WalletRpc
from stack.errors import CannotTell
from stack.model import Stack
from stack.purse import chain_of
from stack.waiting import eventually

AMOUNT = PICONERO // 1000
_ACCOUNT, _PRIMARY = 0, 0


def cosigned_and_mined(stack: Stack, maker: str, second: str) -> str:
    """Let `maker` make a small payment from the triple to itself, `second` compare and co-sign it, and mine it.

    Returns the transaction's id.

    Raises:
        AssertionError: a wallet does not do its part, or the transaction is in no block.
        CannotTell: a wallet or the daemon does not answer.

    """
    try:
        txid = _cosigned(stack.wallet(maker), stack.wallet(second), what=f"{maker} and {second}")
    except WalletError as error:
        raise AssertionError(f"{stack.project}: the wallets {maker} and {second} don't spend together: {error}") from error
    daemon, home = chain_of(stack), stack.wallet(maker).address()

    def mined() -> bool:
        daemon.call("generateblocks", amount_of_blocks=1, wallet_address=home)
        told = daemon.plain("/get_transactions", txs_hashes=[txid]).get("txs", [])
        return any(one["tx_hash"] == txid and not one["in_pool"] for one in told)

    eventually(mined, within=timedelta(seconds=30), every=timedelta(milliseconds=300), what=f"{txid} is in a block")
    return txid


def _cosigned(maker: WalletRpc, second: WalletRpc, *, what: str) -> str:
    for wallet in (maker, second):
        wallet.refresh()
    # What a wallet knew of the other before a restore is of no use: shares are exchanged anew, as for each payout.
    maker.call("import_multisig_info", info=[second.call("export_multisig_info")["info"]])
    made = maker.call(
        "transfer",
        account_index=_ACCOUNT,
        subaddr_indices=[_PRIMARY],  # never what is held for an order
        destinations=[{"address": maker.address(), "amount": AMOUNT}],
    )
    unsigned = str(made["multisig_txset"])
    described: list[dict[str, Any]] = second.call("describe_transfer", multisig_txset=unsigned)["desc"]
    if len(described) != 1 or int(described[0]["amount_in"]) - int(described[0]["amount_out"]) != int(described[0]["fee"]):
        raise CannotTell(f"{what}: made another transaction than was asked for")
    signed = second.call("sign_multisig", tx_data_hex=unsigned)
    sent = second.call("submit_multisig", tx_data_hex=signed["tx_data_hex"])
    return str(sent["tx_hash_list"][0])

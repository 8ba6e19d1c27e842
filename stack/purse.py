"""A customer's own wallet on the private chain, and the operator who mines, so that deposits are real and come from outside.

The wallet lives in a helper container on the wallets' network for as long as the purse is open; its money is mined to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from stack.clients.inside import InsideRpc
from stack.clients.wallet import WalletError
from stack.errors import CannotTell
from stack.waiting import eventually

if TYPE_CHECKING:
    from stack.model import Stack

IMAGE = "seatrial/monero:local"
_USER = "10199"
_PORT = 18089
#: Blocks until a coinbase can be spent (monero: CRYPTONOTE_MINED_MONEY_UNLOCK_WINDOW).
_COINBASE_BLOCKS = 60
#: Blocks that are asked for in one call: each takes 60 ms, or as many times that as the machine has other things to do.
_BLOCKS_AT_ONCE = 20
#: Blocks until any other output can be spent.
SPENDABLE_BLOCKS = 10


@dataclass
class Purse:
    """An open wallet with money in it, and the means to mine."""

    wallet: InsideRpc
    daemon: InsideRpc
    home: str
    """Its primary address: what is mined goes here."""
    _subaddresses: dict[str, int] = field(default_factory=dict)

    def address(self) -> str:
        """Make an address of its own, to be paid at."""
        made = self.wallet.call("create_address", account_index=0)
        self._subaddresses[made["address"]] = int(made["address_index"])
        return str(made["address"])

    def pay(self, address: str, *amounts: int) -> str:
        """Send piconero, an output for each amount, and return the transaction's id; it waits in the pool until somebody mines.

        Raises:
            CannotTell: nothing was sent, for the daemon is away or the purse's money is still locked; again is right.

        """
        try:
            outputs = [{"address": address, "amount": amount} for amount in amounts]
            sent = self.wallet.call("transfer", destinations=outputs, account_index=0)
        except WalletError as error:
            message = f"the purse could not pay: {error}"
            raise CannotTell(message) from error
        return str(sent["tx_hash"])

    def received(self, address: str) -> dict[str, int]:
        """What mined transactions paid to an address that `address` made: id → piconero."""
        self.wallet.call("refresh")
        minor = self._subaddresses[address]
        told = self.wallet.call("get_transfers", **{"in": True, "account_index": 0, "subaddr_indices": [minor]})
        found: dict[str, int] = {}
        for one in told.get("in", ()):
            found[one["txid"]] = found.get(one["txid"], 0) + int(one["amount"])
        return found

    def mine(self, blocks: int) -> int:
        """Mine blocks and return the chain's height."""
        height = 0
        for start in range(0, blocks, _BLOCKS_AT_ONCE):
            amount = min(_BLOCKS_AT_ONCE, blocks - start)
            height = int(
                self.daemon.call("generateblocks", amount_of_blocks=amount, wallet_address=self.home)["height"]
            )
        return height

    def reorganise(self, txid: str, *, forget: bool) -> None:
        """Take away the block of a transaction and all after it; what was in them waits in the pool again.

        With `forget` they are nowhere, and other blocks take the place of those: a longer chain, as in any
        reorganisation, for wallets do not notice before.
        """
        (found,) = self.daemon.plain("/get_transactions", txs_hashes=[txid], prune=True)["txs"]
        blocks = int(self.daemon.call("get_info")["height"]) - int(found["block_height"])
        self.daemon.plain("/pop_blocks", nblocks=blocks)
        if forget:
            self.daemon.call("flush_txpool")
            self.mine(blocks + 1)
        self.wallet.call("refresh")

    def waiting(self) -> int:
        """How many transactions wait in the daemon's pool."""
        return int(self.daemon.call("get_info")["tx_pool_size"])

    def fill(self, spendings: int) -> None:
        """Mine until the purse can make as many payments without waiting for change; one that makes none needs no block."""
        if not spendings:
            return
        # Two coinbases a payment: a wallet spends two outputs where it has them.
        self.mine(_COINBASE_BLOCKS + 2 * spendings)
        self.wallet.call("refresh")


def chain_of(stack: Stack) -> InsideRpc:
    """The stack's daemon. Raises CannotTell when the profile names none or it does not run."""
    said = stack.profile.chain
    if said is None:
        raise CannotTell(stack.profile.missing("[chain]"))
    return InsideRpc(stack.driver, stack.container(said.service).id, said.port)


@contextmanager
def open_purse(stack: Stack, *, spendings: int) -> Iterator[Purse]:
    """Make a wallet that can make as many payments, and throw it away afterwards.

    Raises:
        CannotTell: the daemon or the helper container does not answer.

    """
    daemon = chain_of(stack)
    said = stack.profile.chain
    assert said is not None
    argv = [
        "monero-wallet-rpc", "--wallet-dir=/purse", f"--daemon-address={said.service}:{said.port}", "--trusted-daemon",
        "--allow-mismatched-daemon-version", "--rpc-bind-ip=127.0.0.1", f"--rpc-bind-port={_PORT}", "--disable-rpc-login",
        "--non-interactive", "--shared-ringdb-dir=/purse/ringdb", "--log-level=0", "--log-file=/purse/log",
    ]  # fmt: skip
    container_id = stack.driver.run_helper(
        argv,
        image=IMAGE,
        network=f"{stack.project}_wallets",
        user=_USER,
        mounts=["type=tmpfs,destination=/purse,tmpfs-mode=1777"],
        detach=True,
    )
    assert isinstance(container_id, str)
    try:
        wallet = InsideRpc(stack.driver, container_id, _PORT)
        eventually(
            lambda: wallet.call("get_version"),
            within=timedelta(seconds=60),
            every=timedelta(milliseconds=200),
            what="the customer's wallet answers",
        )
        wallet.call("create_wallet", filename="purse", password="", language="English")
        purse = Purse(wallet, daemon, str(wallet.call("get_address", account_index=0)["address"]))
        purse.fill(spendings)
        yield purse
    finally:
        stack.driver.remove(container_id)

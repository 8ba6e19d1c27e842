"""Does with the three wallets and the chain what an escrow needs of them: addresses, deposits, payouts.

Measured, and relied upon: the second signer alone must export for the maker to be able to spend; every export makes the
exports before it useless, so nothing else is exported between an exchange and its signatures; a signed transaction can be
submitted any number of times, by either signer, also after it was mined, and happens once.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ..settings import TRIPLE, Settings
from .adoption import Outgoing
from .payouts import Attempt
from .records import Deposit
from .rpc import Refused, Rpc, RpcError, Silent
from .rules import CONFIRMATIONS, PAID, WITNESSES, Plan, Wallet, disagreement

_ADDRESSES_AT_ONCE = 50
_TRANSACTIONS_AT_ONCE = 100
_ACCOUNT = 0


@dataclass(frozen=True)
class Tip:
    """A chain's last block; two chains of one height differ in its id."""

    height: int
    block_id: str


@dataclass(frozen=True)
class Found:
    """What the chain knows of a transaction; `height` is that of its block, 0 outside of one."""

    where: Literal["mined", "pool", "unknown"]
    height: int = 0


class Disagreement(RpcError):
    """Wallets say different things, or a transaction is not what was decided: nothing was signed."""


class Triple:
    """The one open 2-of-3 multisig in three wallet RPCs. Every method raises Silent, Refused, Disagreement."""

    def __init__(self, wallets: Mapping[str, Rpc], daemon: Rpc) -> None:
        """Take the wallets by name (buyer, vendor, arbiter) and the daemon."""
        self._wallets = wallets
        self._daemon = daemon

    @classmethod
    def of(cls, settings: Settings) -> "Triple":
        """Make it from the settings; nothing is asked before the first call."""
        wallets = {name: Rpc(name, settings.wallets[name], settings.wallet_passwords[name]) for name in TRIPLE}
        return cls(wallets, Rpc("daemon", settings.wallets["daemon"]))

    def busy_seconds(self, name: str) -> float:
        """How long a wallet (or the daemon) has been at work on a call of ours; 0 when it is not."""
        asked = {**self._wallets, "daemon": self._daemon}
        return asked[name].busy_seconds if name in asked else 0.0

    async def tip(self) -> Tip:
        """Answer the chain's last block."""
        header = (await self._daemon.call("get_last_block_header"))["block_header"]
        return Tip(int(header["height"]), str(header["hash"]))

    async def is_on_chain(self, block: Tip) -> bool:
        """Say whether a block that was the last one is still on the chain."""
        try:
            told = await self._daemon.call("get_block_header_by_height", height=block.height)
        except Refused:  # the chain is shorter now
            return False
        return str(told["block_header"]["hash"]) == block.block_id

    async def follow(self, names: Iterable[Wallet]) -> None:
        """Let wallets read the chain to its end, at the same time; about 10 ms when there is little new."""
        await asyncio.gather(*(self._wallets[name].call("refresh") for name in names))

    async def addresses(self, first: int, order_ids: Sequence[str]) -> list[tuple[str, int, str]]:
        """Answer (order, minor, address) for each order, from minor `first` on.

        After a restore the database may remember less than was promised. So what the wallets' labels say of a subaddress
        counts: it belongs to that order, also when it was paid to; and one that was paid to and has no label to nobody.
        The label is stored on disk in all three before an address is told.
        """
        given: list[tuple[str, int, str]] = []
        looked_at: dict[int, tuple[str, set[str], bool]] = {}
        taken: set[int] = set()
        for order_id in order_ids:
            minor = first
            while True:
                if minor not in looked_at:
                    looked_at[minor] = await self._subaddress(minor)
                address, labels, is_used = looked_at[minor]
                if minor not in taken and (order_id in labels or not (labels or is_used)):
                    break
                minor += 1
            taken.add(minor)
            given.append((order_id, minor, address))
        for wallet in self._wallets.values():
            for order_id, number, _ in given:
                await wallet.call("label_address", index={"major": _ACCOUNT, "minor": number}, label=order_id)
            await wallet.call("store")
        return given

    async def _subaddress(self, minor: int) -> tuple[str, set[str], bool]:
        """Answer a subaddress, the orders that labels give it to, and whether it was ever paid to."""
        entries = [await self._entry(wallet, minor) for wallet in self._wallets.values()]
        addresses = {str(entry["address"]) for entry in entries}
        if len(addresses) != 1:
            raise Disagreement(f"the wallets have {len(addresses)} addresses for subaddress {minor}")
        labels = {str(label) for entry in entries if (label := entry.get("label"))}
        return addresses.pop(), labels, any(bool(entry.get("used")) for entry in entries)

    @staticmethod
    async def _entry(wallet: Rpc, minor: int) -> dict[str, object]:
        while True:
            try:
                told = await wallet.call("get_address", account_index=_ACCOUNT, address_index=[minor])
            except Refused:  # not made in this wallet yet
                made = await wallet.call("create_address", account_index=_ACCOUNT, count=_ADDRESSES_AT_ONCE)
                if made.get("address_index", 0) > minor:
                    raise
            else:
                entry: dict[str, object] = told["addresses"][0]
                return entry

    async def deposits(self, above: int) -> list[Deposit]:
        """Answer what arrived in blocks above height `above`, can be spent now, and was seen by both witnesses."""
        seen = [await self._arrived(self._wallets[name], above) for name in WITNESSES]
        return sorted(set(seen[0]) & set(seen[1]), key=lambda one: (one.height, one.txid, one.minor))

    async def outgoing(self, above: int) -> list[Outgoing]:
        """Answer what left subaddresses in blocks above height `above`, as told by those that remember whom it paid."""
        told = [one for name in PAID for one in await self._transfers(self._wallets[name], "out", above)]
        found: dict[tuple[int, str], Outgoing] = {}
        for one in told:
            paid = tuple((str(to["address"]), int(to["amount"])) for to in one.get("destinations", ()))
            for index in one["subaddr_indices"]:
                known = Outgoing(int(index["minor"]), str(one["txid"]), int(one["height"]), int(one["fee"]), paid)
                if paid or (known.minor, known.txid) not in found:
                    found[known.minor, known.txid] = known
        return list(found.values())

    @staticmethod
    async def _transfers(wallet: Rpc, way: Literal["in", "out"], above: int) -> list[dict[str, Any]]:
        asked = {way: True, "account_index": _ACCOUNT, "filter_by_height": True, "min_height": max(0, above)}
        told: list[dict[str, Any]] = (await wallet.call("get_transfers", **asked)).get(way, [])
        return told

    async def _arrived(self, wallet: Rpc, above: int) -> list[Deposit]:
        told = await self._transfers(wallet, "in", above)
        amounts: dict[tuple[int, str, int], list[int]] = {}
        for one in told:
            minor = int(one["subaddr_index"]["minor"])
            if (
                minor > 0
                and one["confirmations"] >= CONFIRMATIONS
                and not one["locked"]
                and not one["double_spend_seen"]
            ):
                key = (minor, str(one["txid"]), int(one["height"]))
                amounts.setdefault(key, []).extend(map(int, one["amounts"]))
        return [Deposit(minor, txid, sum(all_), height, len(all_)) for (minor, txid, height), all_ in amounts.items()]

    async def exchange(self, signers: tuple[Wallet, Wallet]) -> None:
        """Let the maker know what it needs of the second signer. Undoes every exchange before it that the second was in."""
        maker, second = (self._wallets[name] for name in signers)
        told = await second.call("export_multisig_info")
        await maker.call("import_multisig_info", info=[told["info"]])

    async def sign(self, plan: Plan, signers: tuple[Wallet, Wallet]) -> Attempt:
        """Make a payout with the first signer, compare its description by the second with the plan, and let that one sign.

        Nothing is submitted. Raises Disagreement when the transaction is not the plan's; nobody has co-signed it then.
        """
        maker, second = (self._wallets[name] for name in signers)
        made = await self._spend(maker, plan)
        unsigned = str(made["multisig_txset"])
        described = await second.call("describe_transfer", multisig_txset=unsigned)
        if reason := disagreement(plan, described):
            raise Disagreement(f"a payout from subaddress {plan.minor} is not signed: {reason}")
        signed = await second.call("sign_multisig", tx_data_hex=unsigned)
        hashes = signed.get("tx_hash_list") or []
        if len(hashes) != 1:
            raise Disagreement(f"{second.name} signed {len(hashes)} transactions instead of one")
        fee = int(described["desc"][0]["fee"])
        return Attempt(str(hashes[0]), str(signed["tx_data_hex"]), fee, plan.after(fee), plan.deposits)

    @staticmethod
    async def _spend(maker: Rpc, plan: Plan) -> dict[str, Any]:
        """Let the maker make the plan's transaction out of the plan's outputs.

        A wallet takes any that fit, so all others at the subaddress are frozen meanwhile: of two attempts at one payout,
        the second would else spend what came in between, and the chain would let both happen.
        """
        asked: dict[str, Any] = {"transfer_type": "all", "account_index": _ACCOUNT, "subaddr_indices": [plan.minor]}
        told = (await maker.call("incoming_transfers", **asked, verbose=True)).get("transfers", [])
        # One without a key image can't be spent by this wallet yet, and not be frozen.
        there = [one for one in told if not one["spent"] and one["key_image"]]
        wanted = {str(one["key_image"]) for one in there if one["tx_hash"] in plan.deposits}
        others = [str(one["key_image"]) for one in there if str(one["key_image"]) not in wanted]
        for one in there:  # a maker that was killed on its way has left them so
            if one["frozen"] and one["key_image"] in wanted:
                await maker.call("thaw", key_image=one["key_image"])
        try:
            for key_image in others:
                await maker.call("freeze", key_image=key_image)
            made: dict[str, Any] = await maker.call(
                "transfer",
                account_index=_ACCOUNT,
                subaddr_indices=[plan.minor],
                destinations=[{"address": one.address, "amount": one.amount} for one in plan.payments],
                subtract_fee_from_outputs=[0],
            )
        finally:
            for key_image in others:  # a frozen output is missing from the wallet's balance
                await maker.call("thaw", key_image=key_image)
        if set(made["spent_key_images"]["key_images"]) != wanted:
            raise Disagreement(f"a payout from subaddress {plan.minor} is not signed: it spends other outputs")
        return made

    async def submit(self, attempt: Attempt, signers: tuple[Wallet, Wallet]) -> None:
        """Hand a signed transaction to the chain; again is harmless."""
        answer = await self._wallets[signers[1]].call("submit_multisig", tx_data_hex=attempt.signed)
        if answer.get("tx_hash_list") != [attempt.txid]:
            raise Disagreement(f"{signers[1]} submitted something else than {attempt.txid}")

    async def keep(self, name: Wallet) -> None:
        """Let a wallet write to its disk what it knows: whom it paid, for a database that may be restored older."""
        await self._wallets[name].call("store")

    async def whereabouts(self, txids: Sequence[str]) -> dict[str, Found]:
        """Ask the chain, which alone knows, what became of transactions."""
        found = dict.fromkeys(txids, Found("unknown"))
        for start in range(0, len(txids), _TRANSACTIONS_AT_ONCE):
            asked = list(txids[start : start + _TRANSACTIONS_AT_ONCE])
            told = await self._daemon.plain("/get_transactions", txs_hashes=asked, prune=True)
            for one in told.get("txs", []):
                if one.get("tx_hash") not in found:
                    raise Silent("the daemon answered for a transaction that was not asked for")
                found[one["tx_hash"]] = Found("pool") if one["in_pool"] else Found("mined", int(one["block_height"]))
        return found

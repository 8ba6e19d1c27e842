"""Does with the three wallets and the chain what an escrow needs of them: addresses, deposits, payouts.

Measured, and relied upon: the second signer alone must export for the maker to be able to spend; every export makes the
exports before it useless, so nothing else is exported between an exchange and its signatures; a signed transaction can be
submitted any number of times, by either signer, also after it was mined, and happens once.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from ..settings import TRIPLE, Settings
from .records import Attempt, Deposit
from .rpc import Refused, Rpc, RpcError, Silent
from .rules import CONFIRMATIONS, WITNESSES, Plan, Wallet, disagreement

_ADDRESSES_AT_ONCE = 50
_ACCOUNT = 0

Whereabouts = Literal["mined", "pool", "unknown"]


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

    async def height(self) -> int:
        """Answer the chain's height."""
        return int((await self._daemon.call("get_block_count"))["count"])

    async def follow(self, names: Iterable[Wallet]) -> None:
        """Let wallets read the chain to its end, at the same time; about 10 ms when there is little new."""
        await asyncio.gather(*(self._wallets[name].call("refresh") for name in names))

    async def addresses(self, first: int, order_ids: Sequence[str]) -> list[tuple[str, int, str]]:
        """Answer (order, minor, address) for each order, from minor `first` on.

        A subaddress that was paid to, or that a wallet's label gives to another order, is passed over: after a restore the
        database may remember less than was promised. The label is stored on disk in all three before an address is told.
        """
        given: list[tuple[str, int, str]] = []
        minor = first
        for order_id in order_ids:
            while (address := await self._free(minor, order_id)) is None:
                minor += 1
            given.append((order_id, minor, address))
            minor += 1
        for wallet in self._wallets.values():
            for order_id, number, _ in given:
                await wallet.call("label_address", index={"major": _ACCOUNT, "minor": number}, label=order_id)
            await wallet.call("store")
        return given

    async def _free(self, minor: int, order_id: str) -> str | None:
        entries = [await self._entry(wallet, minor) for wallet in self._wallets.values()]
        if any(entry.get("used") or entry.get("label") not in {"", order_id} for entry in entries):
            return None
        addresses = {str(entry["address"]) for entry in entries}
        if len(addresses) != 1:
            raise Disagreement(f"the wallets have {len(addresses)} addresses for subaddress {minor}")
        return addresses.pop()

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

    @staticmethod
    async def _arrived(wallet: Rpc, above: int) -> list[Deposit]:
        asked = {"in": True, "account_index": _ACCOUNT, "filter_by_height": True, "min_height": max(0, above)}
        told = (await wallet.call("get_transfers", **asked)).get("in", [])
        amounts: dict[tuple[int, str, int], int] = {}
        for one in told:
            minor = int(one["subaddr_index"]["minor"])
            if (
                minor > 0
                and one["confirmations"] >= CONFIRMATIONS
                and not one["locked"]
                and not one["double_spend_seen"]
            ):
                key = (minor, str(one["txid"]), int(one["height"]))
                amounts[key] = amounts.get(key, 0) + int(one["amount"])
        return [Deposit(minor, txid, amount, height) for (minor, txid, height), amount in amounts.items()]

    async def exchange(self, signers: tuple[Wallet, Wallet]) -> None:
        """Let the maker know what it needs of the second signer. Undoes every exchange before it that the second was in."""
        maker, second = (self._wallets[name] for name in signers)
        told = await second.call("export_multisig_info")
        await maker.call("import_multisig_info", info=[told["info"]])

    async def sign(self, plan: Plan, signers: tuple[Wallet, Wallet], deposits: tuple[str, ...]) -> Attempt:
        """Make a payout with the first signer, compare its description by the second with the plan, and let that one sign.

        Nothing is submitted. Raises Disagreement when the transaction is not the plan's; nobody has co-signed it then.
        """
        maker, second = (self._wallets[name] for name in signers)
        made = await maker.call(
            "transfer",
            account_index=_ACCOUNT,
            subaddr_indices=[plan.minor],
            destinations=[{"address": one.address, "amount": one.amount} for one in plan.payments],
            subtract_fee_from_outputs=[0],
        )
        unsigned = str(made["multisig_txset"])
        described = await second.call("describe_transfer", multisig_txset=unsigned)
        if reason := disagreement(plan, described):
            raise Disagreement(f"a payout from subaddress {plan.minor} is not signed: {reason}")
        signed = await second.call("sign_multisig", tx_data_hex=unsigned)
        hashes = signed.get("tx_hash_list") or []
        if len(hashes) != 1:
            raise Disagreement(f"{second.name} signed {len(hashes)} transactions instead of one")
        fee = int(described["desc"][0]["fee"])
        return Attempt(str(hashes[0]), str(signed["tx_data_hex"]), fee, plan.after(fee), deposits)

    async def submit(self, attempt: Attempt, signers: tuple[Wallet, Wallet]) -> None:
        """Hand a signed transaction to the chain; again is harmless."""
        answer = await self._wallets[signers[1]].call("submit_multisig", tx_data_hex=attempt.signed)
        if answer.get("tx_hash_list") != [attempt.txid]:
            raise Disagreement(f"{signers[1]} submitted something else than {attempt.txid}")

    async def whereabouts(self, txids: Sequence[str]) -> dict[str, Whereabouts]:
        """Ask the chain, which alone knows, what became of transactions."""
        told = await self._daemon.plain("/get_transactions", txs_hashes=list(txids)) if txids else {}
        found: dict[str, Whereabouts] = dict.fromkeys(txids, "unknown")
        for one in told.get("txs", []):
            if one.get("tx_hash") not in found:
                raise Silent("the daemon answered for a transaction that was not asked for")
            found[one["tx_hash"]] = "pool" if one["in_pool"] else "mined"
        return found

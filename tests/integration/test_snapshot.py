"""The kept chain and triple are good for what they are for: two of the three wallets co-sign a spend, and it is mined."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta

import pytest

from stack import lifecycle, secrets
from stack.clients.wallet import WalletRpc
from stack.errors import NoEngine
from stack.progress import Progress
from stack.project import PORTS, ROOT, environment
from stack.waiting import eventually

PROJECT = f"st-stack-snap-{os.getpid()}"
OFFSET = 24000
AMOUNT = 10**12  # 1 XMR
SOON = timedelta(seconds=30)


@pytest.fixture(scope="module")
def wallets() -> Iterator[dict[str, WalletRpc]]:
    """The three wallets of a project of our own, restored from the snapshot and opened by their services."""
    names = ("monerod", *(f"monero-wallet-rpc-{wallet}" for wallet in secrets.WALLETS))
    try:
        lifecycle.up(
            PROJECT, services=names, env=environment(PROJECT, OFFSET), build=False, progress=Progress(quiet=True)
        )
    except NoEngine as error:
        pytest.skip(str(error))
    values = secrets.decrypt(ROOT)
    try:
        yield {
            wallet: WalletRpc(
                f"http://127.0.0.1:{PORTS[f'SEATRIAL_WALLET_{wallet.upper()}_PORT'] + OFFSET}",
                user=secrets.RPC_USER,
                password=values[f"WALLET_{wallet.upper()}_RPC_PASSWORD"],
            )
            for wallet in secrets.WALLETS
        }
    finally:
        lifecycle.down(PROJECT, progress=Progress(quiet=True))


def test_the_wallets_are_one_triple_with_funds_to_spend(wallets: dict[str, WalletRpc]) -> None:
    states = [wallet.is_multisig() for wallet in wallets.values()]

    assert {(s["multisig"], s["ready"], s["threshold"], s["total"]) for s in states} == {(True, True, 2, 3)}
    assert len({wallet.address() for wallet in wallets.values()}) == 1
    balances = {(b.total, b.unlocked) for b in (wallet.balance() for wallet in wallets.values())}
    assert len(balances) == 1
    assert next(iter(balances))[1] > 100 * AMOUNT


def test_two_of_three_co_sign_a_spend_that_is_mined(wallets: dict[str, WalletRpc]) -> None:
    buyer, vendor = wallets["buyer"], wallets["vendor"]
    target = buyer.call("create_address", account_index=0)["address"]

    drafted = buyer.call("transfer", destinations=[{"amount": AMOUNT, "address": target}])
    described = vendor.call("describe_transfer", multisig_txset=drafted["multisig_txset"])["desc"][0]
    signed = vendor.call("sign_multisig", tx_data_hex=drafted["multisig_txset"])
    sent = vendor.call("submit_multisig", tx_data_hex=signed["tx_data_hex"])["tx_hash_list"]

    assert [(r["address"], r["amount"]) for r in described["recipients"]] == [(target, AMOUNT)]
    mine(blocks=1, address=buyer.address())
    buyer.refresh()
    found = eventually(
        lambda: buyer.call("get_transfer_by_txid", txid=sent[0])["transfer"].get("confirmations"),
        within=SOON,
        every=timedelta(milliseconds=500),
        what="the spend has a confirmation",
    )
    assert found >= 1


def mine(*, blocks: int, address: str) -> None:
    """Mine on the project's own daemon, from inside: no port of it is published."""
    import json

    from stack.driver import Driver
    from stack.project import COMPOSE_FILE

    driver = Driver.connect(PROJECT, [COMPOSE_FILE], env=environment(PROJECT, OFFSET))
    body = json.dumps(
        {
            "jsonrpc": "2.0",
            "id": "0",
            "method": "generateblocks",
            "params": {"amount_of_blocks": blocks, "wallet_address": address},
        }
    )
    argv = ["curl", "-sf", "http://127.0.0.1:18081/json_rpc", "-d", body]
    done = driver.exec(driver.container_ids("monerod")[0], argv, timeout_seconds=30)
    assert '"status": "OK"' in done.stdout, done.stdout

"""OBS-EXP-001 finds a running exporter that lies: the shipped program, wired to a wallet that says something else."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests

from stack.clients.wallet import WalletRpc
from stack.waiting import eventually
from suites.check import Evidence
from suites.observability.test_exporter import test_exporter_tells_what_the_wallet_answers as the_check
from tests.exporter import conftest as exporters

ROOT = Path(__file__).resolve().parents[3]
make_wallet = exporters.make_wallet
Make = Callable[..., exporters.FakeWallet]


@contextmanager
def exporting(folder: Path, url: str) -> Iterator[int]:
    """The shipped exporter, asking the wallet at `url`; gives its port."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    password = folder / "password"
    password.write_text(exporters.PASSWORD)
    config = folder / "exporter.toml"
    config.write_text(
        f'address = "127.0.0.1"\nport = {port}\ntimeout_seconds = 2\n[[wallets]]\nname = "buyer"\nurl = "{url}"\n'
        f'username = "{exporters.USER}"\npassword_file = "{password}"\n'
    )
    process = subprocess.Popen([sys.executable, "-m", "exporter", "--config", config], cwd=ROOT, stdout=subprocess.DEVNULL)
    try:
        eventually(lambda: answers(port), within=timedelta(seconds=20), every=timedelta(milliseconds=50), what="exporter")
        yield port
    finally:
        process.terminate()
        process.wait(10)


def answers(port: int) -> bool:
    """Whether the exporter answers by now."""
    try:
        return requests.get(f"http://127.0.0.1:{port}/health", timeout=5).ok
    except requests.ConnectionError:
        return False


def stack_of(wallet: exporters.FakeWallet, port: int) -> Any:
    """A stack with this wallet, and an exporter at that port."""
    client = WalletRpc(wallet.url, user=exporters.USER, password=exporters.PASSWORD)
    return SimpleNamespace(
        wallet=lambda _name: client,
        url=lambda _endpoint: f"http://127.0.0.1:{port}/metrics",
        profile=SimpleNamespace(wallet_metrics=object()),
    )


def test_an_exporter_of_the_true_wallet_passes(make_wallet: Make, tmp_path: Path) -> None:
    true = make_wallet()
    with exporting(tmp_path, true.url) as port:
        the_check(stack_of(true, port), "buyer", Evidence())


@pytest.mark.parametrize(
    ("lie", "says"),
    [
        (
            {"get_balance": {**exporters.BALANCE, "balance": exporters.BALANCE["balance"] - 1}},
            "balance_piconero is 9007199254740990, the wallet says 9007199254740991",
        ),
        ({"get_balance": {**exporters.BALANCE, "unlocked_balance": 6}}, "unlocked_balance_piconero is 6, the wallet says 5"),
        (
            {"get_balance": {**exporters.BALANCE, "per_subaddress": []}},
            "num_unspent_outputs is 0, the wallet says 5",
        ),
        ({"get_height": {"height": 6}}, "monero_wallet_height is 6, the wallet says 7"),
    ],
)
def test_an_exporter_wired_to_another_wallet_fails(
    make_wallet: Make, tmp_path: Path, lie: dict[str, Any], says: str
) -> None:
    true = make_wallet()
    liar = make_wallet(answers={**true.answers, **lie})
    with exporting(tmp_path, liar.url) as port, pytest.raises(AssertionError, match=says):
        the_check(stack_of(true, port), "buyer", Evidence())


def test_an_exporter_that_lost_its_wallet_fails(make_wallet: Make, tmp_path: Path) -> None:
    true, gone = make_wallet(), make_wallet(status=500)
    with exporting(tmp_path, gone.url) as port, pytest.raises(AssertionError, match="balance_piconero is missing"):
        the_check(stack_of(true, port), "buyer", Evidence())

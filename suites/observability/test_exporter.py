"""The wallet exporter against the wallets themselves: a gauge that lies is worse than none."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from stack.clients.wallet import WalletError
from stack.errors import CannotTell
from stack.waiting import eventually
from suites.check import Area, Evidence, Impact, Level, Severity, check, needs, over
from suites.observability import dying
from suites.observability.exposition import Exposition, of_wallets

if TYPE_CHECKING:
    from stack.model import Stack

_SETTLED_WITHIN = timedelta(seconds=10)
GAUGES = {
    "balance": "monero_wallet_balance_piconero",
    "unlocked": "monero_wallet_unlocked_balance_piconero",
    "unspent": "monero_wallet_num_unspent_outputs",
    "height": "monero_wallet_height",
}


def wallets(stack: Stack) -> list[str]:
    """The wallets that the profile names and nobody excluded."""
    return [name for name, wallet in stack.profile.wallets.items() if wallet.service not in stack.excluded]


@check(
    "OBS-EXP-001",
    title="The exporter's values equal what the wallets answer",
    area=Area.OBSERVABILITY,
    severity=Severity.HIGH,
    level=Level.OBSERVED,
    impact=Impact.PASSIVE,
    rationale="Balances decide about money. A wrong unit, a float's rounding or a stale value shows in no other place.",
    remediation="Compare the exporter's source of the value with get_balance and get_height of the wallet named.",
)
@needs("monero-exporter")
@over("wallet", wallets, reason="no wallet is declared: `[wallets.NAME]` in a profile would enable it")
def test_exporter_tells_what_the_wallet_answers(stack: Stack, wallet: str, evidence: Evidence) -> None:
    # A block may arrive between two questions: what counts is an answer with the same one before and after.
    said, exported = _both(stack, wallet)

    for name, value in said.items():
        evidence.observed(f"{name}: the wallet says {value}, the exporter {exported.get(name)}")
    wrong = disagreements(said, exported)
    assert not wrong, f"{wallet}: " + "; ".join(wrong)


def _both(stack: Stack, wallet: str) -> tuple[dict[str, int], dict[str, float]]:
    latest: list[tuple[dict[str, int], dict[str, float]]] = []

    def unmoved() -> bool:
        before = _asked(stack, wallet)
        exported = told_of(of_wallets(stack), wallet)
        after = _asked(stack, wallet)
        latest[:] = [(after, exported)]
        return before == after

    try:
        eventually(unmoved, within=_SETTLED_WITHIN, every=timedelta(milliseconds=200), what=f"wallet {wallet} at rest")
    except AssertionError as error:
        raise CannotTell(f"wallet {wallet} moved during every comparison") from error
    return latest[0]


def _asked(stack: Stack, wallet: str) -> dict[str, int]:
    client = stack.wallet(wallet)
    try:
        balance, height = client.balance(), client.height()
    except WalletError as error:
        raise CannotTell(f"wallet {wallet} does not tell its balance: {error}") from error
    return {
        "balance": balance.total,
        "unlocked": balance.unlocked,
        "unspent": balance.unspent_outputs,
        "height": height,
    }


def told_of(exposition: Exposition, wallet: str) -> dict[str, float]:
    """The wallet's gauges in what was exposed, by our names for them; those that are missing are missing."""
    shown = dying.gauges(exposition, wallet)
    return {name: shown[metric] for name, metric in GAUGES.items() if metric in shown}


def disagreements(said: Mapping[str, int], exported: Mapping[str, float]) -> list[str]:
    """Where the exporter tells something else, to the piconero."""
    found = []
    for name, value in said.items():
        if name not in exported:
            found.append(f"{GAUGES[name]} is missing")
        elif exported[name] != value:
            found.append(f"{GAUGES[name]} is {exported[name]:.0f}, the wallet says {value}")
    return found

"""OBS-EXP-002's judgement: each lie of an exporter about a dead wallet is named, and the truth is not."""

from __future__ import annotations

import pytest

from suites.observability.dying import Death, complaints, miscounted
from suites.observability.exposition import Exposition

ALIVE = """\
# TYPE monero_wallet_up gauge
monero_wallet_up{wallet_name="buyer"} 1
monero_wallet_up{wallet_name="vendor"} 1
# TYPE monero_wallet_balance_piconero gauge
monero_wallet_balance_piconero{wallet_name="buyer"} 7
monero_wallet_balance_piconero{wallet_name="vendor"} 8
# TYPE monero_wallet_rpc_errors_total counter
monero_wallet_rpc_errors_total{method="get_balance"} 0
# TYPE monero_wallet_rpc_calls_total counter
monero_wallet_rpc_calls_total{method="get_balance",status="success"} 4
# TYPE monero_wallet_rpc_duration_seconds histogram
monero_wallet_rpc_duration_seconds_bucket{method="get_balance",le="+Inf"} 4
monero_wallet_rpc_duration_seconds_count{method="get_balance"} 4
monero_wallet_rpc_duration_seconds_sum{method="get_balance"} 1
"""
BUYERS_BALANCE = 'monero_wallet_balance_piconero{wallet_name="buyer"} 7\n'
DEAD = ALIVE.replace('up{wallet_name="buyer"} 1', 'up{wallet_name="buyer"} 0').replace(BUYERS_BALANCE, "")
LATER = (
    ALIVE.replace('errors_total{method="get_balance"} 0', 'errors_total{method="get_balance"} 1')
    .replace(
        'status="success"} 4',
        'status="success"} 9\nmonero_wallet_rpc_calls_total{method="get_balance",status="error"} 1',
    )
    .replace('le="+Inf"} 4', 'le="+Inf"} 10')
    .replace('count{method="get_balance"} 4', 'count{method="get_balance"} 10')
)


def judged(after: str = DEAD, later: str = LATER, seconds: float = 3.0) -> list[str]:
    return complaints(
        Death("buyer", ("vendor",), Exposition(ALIVE, 0.1), Exposition(after, seconds), Exposition(later, 0.1), 4.0)
    )


def test_the_truth_is_fine() -> None:
    assert judged() == []


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"after": ALIVE.replace(BUYERS_BALANCE, "")}, "buyer: monero_wallet_up is 1, expected 0"),
        (
            {"after": DEAD.replace('monero_wallet_up{wallet_name="buyer"} 0\n', "")},
            "buyer: monero_wallet_up is missing, expected 0",
        ),
        ({"after": DEAD + BUYERS_BALANCE}, "buyer: still has values of when it lived: monero_wallet_balance_piconero"),
        (
            {"after": DEAD.replace('up{wallet_name="vendor"} 1', 'up{wallet_name="vendor"} 0')},
            "vendor: monero_wallet_up is 0, expected 1: it suffers from the death of buyer",
        ),
        (
            {"after": DEAD.replace('monero_wallet_balance_piconero{wallet_name="vendor"} 8\n', "")},
            "vendor: lost monero_wallet_balance_piconero with the death of buyer",
        ),
        ({"seconds": 4.0}, "the scrape took 4.0 s, expected less than 4 s"),
        (
            {"later": LATER.replace('errors_total{method="get_balance"} 1', 'errors_total{method="get_balance"} 0')},
            "monero_wallet_rpc_errors_total did not grow, so calls without an answer count as something else",
        ),
        (
            {"later": LATER.replace('status="success"} 9', 'status="success"} 10')},
            "get_balance: 10 calls were made, and monero_wallet_rpc_calls_total counts 11",
        ),
        (
            {"later": LATER.replace('up{wallet_name="buyer"} 1', 'up{wallet_name="buyer"} 0')},
            "buyer: is not reported up again although it lives",
        ),
    ],
)
def test_each_lie_is_named(changed: dict[str, str | float], says: str) -> None:
    assert judged(**changed) == [says]  # type: ignore[arg-type]


def test_a_call_counted_twice_is_miscounted() -> None:
    assert miscounted(Exposition(ALIVE.replace('status="success"} 4', 'status="success"} 3'), 0.1)) == [
        "get_balance: 4 calls were made, and monero_wallet_rpc_calls_total counts 3"
    ]

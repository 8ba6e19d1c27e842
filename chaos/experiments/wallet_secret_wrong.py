"""A wallet starts with another password than its file has, as after a rotation done by half."""

from datetime import timedelta

from chaos.errands.memory import SameWallet
from chaos.experiment import Experiment, Promise
from chaos.faults.secrets import SecretWrong
from chaos.probes import edge_serves, healthy, wallet_answers
from chaos.told import refuses
from chaos.wording import spoken

BACK = timedelta(seconds=20)
OPENS = timedelta(seconds=60)
"""No promise: how long it may take to find out that it can't, on a busy machine."""
WALLET = SameWallet("arbiter")
EXPERIMENT = Experiment(
    id="EXP-WAL-048",
    hypothesis=(
        "A wallet with a wrong password refuses its file and makes no other, and customers and the other wallets notice nothing; "
        f"with the right one it is the wallet it was within {spoken(BACK)}"
    ),
    fault=SecretWrong("monero-wallet-rpc-arbiter", "WALLET_ARBITER_PASSWORD"),
    steady_state=(edge_serves("/api/listings"), healthy("server-blue", "monero-wallet-rpc-arbiter"), WALLET.there),
    during=(
        refuses("monero-wallet-rpc-arbiter", "invalid password", within=OPENS),
        wallet_answers("buyer", within=timedelta(seconds=10)),
        wallet_answers("vendor", within=timedelta(seconds=10)),
    ),
    throughout=(Promise(edge_serves("/api/listings"), outage=timedelta(0)),),
    hold=timedelta(0),
    recover_within=BACK,
    rationale="Rotations are done by people, in several places; the place that was forgotten must not take the shop with it.",
    remediation="stack.ops secrets rotate, which changes file and password in one; wallet calls off the path of a request.",
)

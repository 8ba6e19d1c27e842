"""One of the three wallets is gone."""

from datetime import timedelta

from chaos.experiment import Experiment, Promise
from chaos.faults import Stopped
from chaos.probes import LONGER_THAN_PATIENCE, edge_serves, healthy, wallet_answers

ANSWERS = timedelta(seconds=10)

EXPERIMENT = Experiment(
    id="EXP-WAL-001",
    hypothesis="Without the arbiter's wallet customers browse undisturbed, and the other wallets answer",
    fault=Stopped("monero-wallet-rpc-arbiter"),
    steady_state=(edge_serves("/api/listings"), healthy("server-blue", "monero-wallet-rpc-arbiter")),
    during=(wallet_answers("buyer", within=ANSWERS), wallet_answers("vendor", within=ANSWERS)),
    throughout=(
        Promise(edge_serves("/api/listings"), outage=timedelta(0)),
        Promise(edge_serves("/health"), outage=timedelta(0)),
    ),
    users=timedelta(0),
    hold=LONGER_THAN_PATIENCE,
    recover_within=timedelta(seconds=15),
    rationale="Browsing needs no wallet. One wallet's maintenance must not close the shop.",
    remediation="Keep wallet calls off the path of a request, with short time-outs and names that fail fast.",
)

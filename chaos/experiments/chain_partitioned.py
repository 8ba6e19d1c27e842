"""The server can't reach the chain's daemon: packets vanish, nothing refuses."""

from datetime import timedelta

from chaos.experiment import Experiment, Promise
from chaos.faults import Partitioned
from chaos.probes import LONGER_THAN_PATIENCE, edge_serves, healthy

EXPERIMENT = Experiment(
    id="EXP-NET-001",
    hypothesis="When packets between server and chain daemon are lost, customers browse undisturbed",
    fault=Partitioned(
        "server-blue", ("monerod", "monero-wallet-rpc-buyer", "monero-wallet-rpc-vendor", "monero-wallet-rpc-arbiter")
    ),
    steady_state=(edge_serves("/api/listings"), healthy("server-blue", "monerod")),
    throughout=(
        Promise(edge_serves("/api/listings"), outage=timedelta(0)),
        Promise(edge_serves("/health"), outage=timedelta(0)),
    ),
    users=timedelta(0),
    hold=LONGER_THAN_PATIENCE,
    recover_within=timedelta(seconds=15),
    rationale="A refused connection is quick; a lost packet is waited for. Whoever waits in a request waits for everybody.",
    remediation="Ask wallets and chain from a worker of their own, with a time-out below the request's.",
)

"""What the server sends to its wallets is lost; what they send arrives: a one-way cut."""

from datetime import timedelta

from chaos.errands.readiness import hears_every_wallet, says_silent
from chaos.experiment import Experiment, Promise
from chaos.faults import Partitioned
from chaos.probes import LONGER_THAN_PATIENCE, edge_serves, healthy
from chaos.wording import spoken

WALLETS = ("monero-wallet-rpc-buyer", "monero-wallet-rpc-vendor", "monero-wallet-rpc-arbiter")
BACK = timedelta(seconds=15)
EXPERIMENT = Experiment(
    id="EXP-WAL-031",
    hypothesis=(
        "When what the server sends to its wallets is lost one way, it says degraded and names them, customers browse "
        f"undisturbed, and it hears them again within {spoken(BACK)} of their return"
    ),
    fault=Partitioned("server-blue", WALLETS, direction="to"),
    steady_state=(edge_serves("/api/listings"), hears_every_wallet(), healthy("server-blue", *WALLETS)),
    during=(says_silent("arbiter", "buyer", "vendor", within=timedelta(seconds=10)),),
    throughout=(Promise(edge_serves("/api/listings"), outage=timedelta(0)),),
    users=timedelta(0),
    hold=LONGER_THAN_PATIENCE,
    recover_within=BACK,
    rationale="A cut in one direction leaves each side believing in the other; only a question with an answer tells.",
    remediation="Readiness by questions that are answered, with a time-out of a second, and never by an open connection.",
)

"""The buyer's wallet accepts connections and says nothing, as a program that hangs does."""

from datetime import timedelta

from chaos.errands.order import PlacedOrders
from chaos.errands.readiness import hears_every_wallet, says_silent
from chaos.experiment import Experiment, Promise
from chaos.faults import Blackhole
from chaos.probes import LONGER_THAN_PATIENCE, edge_serves
from chaos.wording import spoken

REFUSED = timedelta(seconds=3)
BACK = timedelta(seconds=15)
ORDERS = PlacedOrders(answer_within=REFUSED)
EXPERIMENT = Experiment(
    id="EXP-WAL-030",
    hypothesis=(
        "While a wallet accepts connections and says nothing, customers browse undisturbed, orders are refused with 503 "
        f"within {spoken(REFUSED)}, and they are taken again within {spoken(BACK)} of its return"
    ),
    fault=Blackhole("server-blue", "monero-wallet-rpc-buyer", 18082),
    steady_state=(edge_serves("/api/listings"), hears_every_wallet(), ORDERS.taken),
    during=(says_silent("buyer", within=timedelta(seconds=5)), ORDERS.refused(within=timedelta(seconds=2))),
    throughout=(Promise(edge_serves("/api/listings"), outage=timedelta(0)),),
    users=timedelta(0),
    hold=LONGER_THAN_PATIENCE,
    recover_within=BACK,
    rationale="What refuses is noticed at once; what accepts and is silent holds whoever has no time-out, and each one more.",
    remediation="A time-out on every call to a wallet, an answer about wallets that is a second old at most, and no call in a request.",
)

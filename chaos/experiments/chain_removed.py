"""The chain's daemon loses its container, and comes back on the chain it had."""

from datetime import timedelta

from chaos.errands.memory import SameChain
from chaos.experiment import Experiment, Promise
from chaos.faults import Removed
from chaos.probes import edge_serves, healthy
from chaos.wording import spoken

BACK = timedelta(seconds=30)
CHAIN = SameChain("buyer")
EXPERIMENT = Experiment(
    id="EXP-CHN-002",
    hypothesis=(
        "When the chain daemon's container is removed and made anew, customers browse undisturbed "
        f"and the wallets see the chain they saw, back within {spoken(BACK)}"
    ),
    fault=Removed("monerod"),
    steady_state=(edge_serves("/api/listings"), healthy("monerod"), CHAIN.there),
    throughout=(Promise(edge_serves("/api/listings"), outage=timedelta(0)),),
    hold=timedelta(seconds=1),
    recover_within=BACK,
    rationale="A chain that starts again from nothing turns every wallet's money into a memory until it is downloaded again.",
    remediation="The chain on a named volume, and wallets that find the daemon by its name.",
)

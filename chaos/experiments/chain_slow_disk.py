"""The disk under the chain is busy with somebody else's writes, each of them forced to it."""

from datetime import timedelta

from chaos.experiment import Experiment, Promise
from chaos.faults.stress import IoStress
from chaos.probes import edge_serves, healthy, wallet_answers
from chaos.wording import spoken

PATIENCE = timedelta(seconds=10)
UNSERVED = timedelta(seconds=8)
"""One answer that a shared disk holds up until nobody waits for it any more is no outage yet; two in a row are."""

EXPERIMENT = Experiment(
    id="EXP-CHN-020",
    hypothesis=f"While the chain's disk is slow the wallets still answer, and customers are never without an answer for {spoken(UNSERVED)}",
    fault=IoStress("monerod", "/chain", megabytes=16),
    steady_state=(edge_serves("/api/listings"), healthy("monerod", "server-blue")),
    during=(wallet_answers("buyer", within=PATIENCE), wallet_answers("vendor", within=PATIENCE)),
    throughout=(Promise(edge_serves("/api/listings"), outage=UNSERVED),),
    hold=UNSERVED + timedelta(seconds=1),
    recover_within=timedelta(seconds=15),
    severity="medium",
    rationale="A chain is a database of gigabytes on the cheapest disk of the house; a shop must not be as slow as that disk.",
    remediation="The chain on a disk of its own, and its answers asked for by workers, never in a request that only reads.",
)

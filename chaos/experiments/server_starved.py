"""The server gets a fraction of the processor time that it was given: a neighbour's runaway process, a batch job."""

from datetime import timedelta

from chaos.business import Seller
from chaos.experiment import Experiment, Promise
from chaos.faults.stress import CpuStress
from chaos.probes import edge_serves, healthy
from chaos.wording import spoken

ANSWER = timedelta(seconds=5)
BACK = timedelta(seconds=15)
_SELLER = Seller()
EXPERIMENT = Experiment(
    id="EXP-SRV-020",
    hypothesis=(
        f"Short of processor time, the server still answers whoever browses within {spoken(ANSWER)} and takes what sellers list"
    ),
    fault=CpuStress("server-blue", workers=2),
    steady_state=(edge_serves("/api/listings"), _SELLER.lists(), healthy("server-blue")),
    during=(edge_serves("/api/listings", timeout_seconds=ANSWER.total_seconds(), within=2 * ANSWER), _SELLER.lists()),
    throughout=(Promise(edge_serves("/api/listings", timeout_seconds=ANSWER.total_seconds()), outage=timedelta(0)),),
    hold=timedelta(seconds=1),
    recover_within=BACK,
    rationale="Too little processor time is the most common shortage there is; slow is what it may make a shop, and not broken.",
    remediation="Processor shares for what customers wait for, hashing in threads of its own, and a bound on what is queued.",
)

"""The server runs out of the memory that it was given, and the kernel kills it in the middle of orders."""

from datetime import timedelta

from chaos.experiment import Experiment, Promise
from chaos.faults.memory import OutOfMemory
from chaos.probes import BACK_OFF_RESETS_AFTER, edge_serves, healthy
from chaos.wording import spoken

OUTAGE = timedelta(seconds=15)
EXPERIMENT = Experiment(
    id="EXP-SRV-022",
    hypothesis=(
        "When the kernel kills the server for want of memory, nothing that was acknowledged is lost "
        f"and customers are served again within {spoken(OUTAGE)}, with nobody's help"
    ),
    fault=OutOfMemory("server-blue"),
    steady_state=(edge_serves("/api/listings"), edge_serves("/health"), healthy("server-blue")),
    throughout=(Promise(edge_serves("/api/listings"), outage=OUTAGE),),
    users=OUTAGE,
    keeps=True,
    hold=timedelta(0),
    unaided=True,
    recover_within=timedelta(seconds=30),
    quiet_before=BACK_OFF_RESETS_AFTER,
    severity="critical",
    rationale="A leak ends this way, at the busiest hour; a memory limit protects the neighbours, and the restart policy the shop.",
    remediation="A memory limit with room over the load test's peak, restart: unless-stopped, and acknowledging after the commit.",
)

"""The log store runs out of the memory that it was given, and the kernel kills it."""

from datetime import timedelta

from chaos.experiment import Experiment, Promise
from chaos.faults.memory import OutOfMemory
from chaos.probes import BACK_OFF_RESETS_AFTER, edge_serves, healthy
from chaos.wording import spoken

BACK = timedelta(seconds=30)
EXPERIMENT = Experiment(
    id="EXP-LOG-020",
    hypothesis=(
        f"When the kernel kills Loki for want of memory it is back within {spoken(BACK)} with nobody's help, "
        "and customers notice nothing"
    ),
    fault=OutOfMemory("loki"),
    steady_state=(healthy("loki", "promtail"),),
    throughout=(Promise(edge_serves("/api/listings"), outage=timedelta(0)),),
    users=timedelta(0),
    hold=timedelta(seconds=1),
    unaided=True,
    recover_within=BACK,
    quiet_before=BACK_OFF_RESETS_AFTER,
    severity="medium",
    rationale="A search over too much is all it takes; the logs are for the shop, and never the other way round.",
    remediation="A memory limit, restart: unless-stopped, limits on what one query may read, and a shipper that waits.",
)

"""The edge's process dies under customers' eyes."""

from datetime import timedelta

from chaos.experiment import Experiment, Promise
from chaos.faults import Killed
from chaos.probes import BACK_OFF_RESETS_AFTER, edge_serves, healthy
from chaos.wording import spoken

OUTAGE = timedelta(seconds=10)
EXPERIMENT = Experiment(
    id="EXP-EDG-001",
    hypothesis=f"When the edge's process is killed, customers are served again within {spoken(OUTAGE)}, with nobody's help",
    fault=Killed("nginx"),
    steady_state=(edge_serves("/health"), edge_serves("/api/listings"), healthy("nginx", "server-blue")),
    throughout=(Promise(edge_serves("/api/listings"), outage=OUTAGE),),
    users=OUTAGE,
    hold=timedelta(0),
    unaided=True,
    recover_within=timedelta(seconds=20),
    quiet_before=BACK_OFF_RESETS_AFTER,
    rationale="Everything customers see comes through one process; what restarts it decides how long they see nothing.",
    remediation="restart: unless-stopped, and a configuration that nginx can start with while the server is away.",
)

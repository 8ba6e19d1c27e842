"""An operator restarts the edge in order, as for a new certificate."""

from datetime import timedelta

from chaos.experiment import Experiment, Promise
from chaos.faults import Restarted
from chaos.probes import edge_serves, healthy
from chaos.wording import spoken

OUTAGE = timedelta(seconds=10)
EXPERIMENT = Experiment(
    id="EXP-EDG-002",
    hypothesis=f"An orderly restart of the edge keeps customers out for no longer than {spoken(OUTAGE)}",
    fault=Restarted("nginx"),
    steady_state=(edge_serves("/health"), edge_serves("/api/listings"), healthy("nginx")),
    throughout=(Promise(edge_serves("/api/listings"), outage=OUTAGE),),
    users=OUTAGE,
    hold=timedelta(0),
    unaided=True,
    recover_within=timedelta(seconds=20),
    severity="medium",
    rationale="Whoever fears a restart puts off the update that needs one. A restart must be as boring as it is short.",
    remediation="A stop that doesn't wait for idle connections, and a start that waits for nobody. To lose nothing, reload instead.",
)

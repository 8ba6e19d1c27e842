"""Prometheus loses its container."""

from datetime import timedelta

from chaos.errands.memory import OldSamples
from chaos.experiment import Experiment, Promise
from chaos.faults import Removed
from chaos.probes import edge_serves, healthy
from chaos.wording import spoken

BACK = timedelta(seconds=30)
SAMPLES = OldSamples()
EXPERIMENT = Experiment(
    id="EXP-MON-002",
    hypothesis=(
        "When Prometheus's container is removed and made anew, what it measured before is there "
        f"within {spoken(BACK)} of its return, and customers notice nothing"
    ),
    fault=Removed("prometheus"),
    steady_state=(edge_serves("/api/listings"), healthy("prometheus"), SAMPLES.there),
    throughout=(Promise(edge_serves("/api/listings"), outage=timedelta(0)),),
    hold=timedelta(seconds=1),
    recover_within=BACK,
    severity="medium",
    rationale="Alerts with a range (`for`, rate over five minutes) start from nothing when history does, and stay silent that long.",
    remediation="The time series on a named volume with a retention, not in the container.",
)

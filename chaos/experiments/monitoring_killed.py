"""Metrics, alerts and logs die all at once."""

from datetime import timedelta

from chaos.experiment import Experiment, Promise
from chaos.faults import Killed
from chaos.probes import BACK_OFF_RESETS_AFTER, edge_serves, healthy
from chaos.wording import spoken

BACK = timedelta(seconds=30)
EXPERIMENT = Experiment(
    id="EXP-MON-001",
    hypothesis=(
        "When Prometheus, Alertmanager and Loki die together, customers notice nothing "
        f"and all three are back within {spoken(BACK)}"
    ),
    fault=Killed("prometheus", ("alertmanager", "loki")),
    steady_state=(edge_serves("/api/listings"), healthy("prometheus", "alertmanager", "loki")),
    throughout=(Promise(edge_serves("/api/listings"), outage=timedelta(0)),),
    users=timedelta(0),
    hold=timedelta(0),
    unaided=True,
    recover_within=BACK,
    quiet_before=BACK_OFF_RESETS_AFTER,
    rationale="What watches must never be what breaks: a log store that blocks its clients stops the shop.",
    remediation="Log through the engine's json-file driver, never straight to a store; no dependency of the shop on monitoring.",
)

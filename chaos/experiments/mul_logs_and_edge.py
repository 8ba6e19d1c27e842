"""Overlapping: the log pipeline hangs, and the edge dies while it does."""

from datetime import timedelta

from chaos.experiment import Experiment, Promise
from chaos.faults import Killed, Paused
from chaos.probes import BACK_OFF_RESETS_AFTER, edge_serves, healthy
from chaos.schedule import Schedule, Step
from chaos.wording import spoken

OUTAGE = timedelta(seconds=10)
EXPERIMENT = Experiment(
    id="EXP-MUL-005",
    hypothesis=(
        f"When the edge's process is killed while the log pipeline hangs, customers are served again within {spoken(OUTAGE)}, "
        "and no acknowledged order is lost"
    ),
    fault=Schedule((Step(Paused("loki", ("promtail",))), Step(Killed("nginx"), once_seen=True))),
    steady_state=(edge_serves("/api/listings"), healthy("nginx", "server-blue", "loki", "promtail")),
    during=(edge_serves("/api/listings", within=OUTAGE),),
    throughout=(Promise(edge_serves("/api/listings"), outage=OUTAGE),),
    users=OUTAGE,
    keeps=True,
    hold=timedelta(seconds=1),
    recover_within=timedelta(seconds=15),
    quiet_before=BACK_OFF_RESETS_AFTER,
    rationale="A full log pipe blocks whoever writes to it, and a start writes the most: it must not need its logs read.",
    remediation="Log through the engine's json-file driver, which never waits for a reader.",
)

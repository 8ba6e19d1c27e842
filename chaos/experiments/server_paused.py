"""The server freezes for a moment: connections stand open, nothing answers."""

from datetime import timedelta

from chaos.experiment import Experiment, Promise
from chaos.faults import Paused
from chaos.probes import edge_serves, healthy
from chaos.wording import spoken

BACK = timedelta(seconds=10)
EXPERIMENT = Experiment(
    id="EXP-SRV-001",
    hypothesis=(
        "While the server is frozen the edge still answers for itself, "
        f"and customers are served within {spoken(BACK)} after"
    ),
    fault=Paused("server-blue"),
    steady_state=(edge_serves("/api/listings"), healthy("server-blue")),
    during=(edge_serves("/edge-health", statuses=(404,), within=timedelta(seconds=10)),),
    throughout=(Promise(edge_serves("/api/listings", timeout_seconds=1), outage=timedelta(seconds=10) + BACK),),
    hold=timedelta(seconds=2),
    recover_within=BACK,
    rationale="A long garbage collection, a slow disk or a paused machine looks like this; it must not need a restart.",
    remediation="Short proxy time-outs at the edge, and answers of its own that don't wait for the server.",
)

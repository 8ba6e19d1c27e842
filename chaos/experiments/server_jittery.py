"""The way from the edge to the server is late, and never by the same time twice."""

from datetime import timedelta

from chaos.experiment import Experiment, Promise
from chaos.faults import Jitter
from chaos.probes import edge_serves, healthy
from chaos.wording import spoken

LATE, SPREAD = timedelta(milliseconds=120), timedelta(milliseconds=100)
_MS = timedelta(milliseconds=1)
SERVED = timedelta(seconds=3)
EXPERIMENT = Experiment(
    id="EXP-NET-011",
    hypothesis=f"With answers of the server {spoken(LATE)} late, unevenly, every customer is served within {spoken(SERVED)}",
    fault=Jitter("nginx", "server-blue", 8000, milliseconds=LATE // _MS, spread_milliseconds=SPREAD // _MS),
    steady_state=(
        edge_serves("/api/listings", timeout_seconds=SERVED.total_seconds()),
        healthy("nginx", "server-blue"),
    ),
    throughout=(Promise(edge_serves("/api/listings", timeout_seconds=SERVED.total_seconds()), outage=timedelta(0)),),
    users=timedelta(0),
    hold=SERVED + timedelta(seconds=1),
    recover_within=timedelta(seconds=10),
    severity="medium",
    rationale="A network that is shared is uneven before it is slow; what is tuned to the average meets the spread.",
    remediation="Time-outs by the worst that is still normal, and connections that do not have to be opened for every request.",
)

"""The way from the edge to the server gets slow."""

from datetime import timedelta

from chaos.experiment import Experiment, Promise
from chaos.faults import Latency
from chaos.probes import edge_serves, healthy
from chaos.wording import spoken

MORE = timedelta(milliseconds=200)
SERVED = timedelta(seconds=3)
EXPERIMENT = Experiment(
    id="EXP-NET-003",
    hypothesis=f"With {spoken(MORE)} more between edge and server every customer is still served, within {spoken(SERVED)}",
    fault=Latency("nginx", "server-blue", 8000, milliseconds=MORE // timedelta(milliseconds=1)),
    steady_state=(
        edge_serves("/api/listings", timeout_seconds=SERVED.total_seconds()),
        healthy("nginx", "server-blue"),
    ),
    during=(edge_serves("/api/listings", timeout_seconds=SERVED.total_seconds(), within=timedelta(seconds=10)),),
    throughout=(Promise(edge_serves("/api/listings", timeout_seconds=SERVED.total_seconds()), outage=timedelta(0)),),
    users=timedelta(0),
    hold=SERVED + timedelta(seconds=1),
    recover_within=timedelta(seconds=10),
    severity="medium",
    rationale="A busy host or a slow network looks like this; time-outs that are too tight turn slow into down.",
    remediation="Proxy time-outs well above the objective's latency, and connections that are kept.",
)

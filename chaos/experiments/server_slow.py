"""The way from the edge to the server gets slow."""

from datetime import timedelta

from chaos.experiment import Experiment, Promise
from chaos.faults import Latency
from chaos.probes import edge_serves, healthy

EXPERIMENT = Experiment(
    id="EXP-NET-003",
    hypothesis="With 200 ms more between edge and server every customer is still served, within a second",
    fault=Latency("nginx", "server-blue", 8000, milliseconds=200),
    steady_state=(edge_serves("/api/listings", timeout_seconds=1), healthy("nginx", "server-blue")),
    during=(edge_serves("/api/listings", timeout_seconds=1),),
    throughout=(Promise(edge_serves("/api/listings", timeout_seconds=1), outage=timedelta(0)),),
    hold=timedelta(seconds=3),
    recover_within=timedelta(seconds=5),
    severity="medium",
    rationale="A busy host or a slow network looks like this; time-outs that are too tight turn slow into down.",
    remediation="Proxy time-outs well above the objective's latency, and connections that are kept.",
)

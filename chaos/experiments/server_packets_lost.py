"""The way from the edge to the server loses packets."""

from datetime import timedelta

from chaos.experiment import Experiment, Promise
from chaos.faults import Loss
from chaos.probes import edge_serves, healthy
from chaos.wording import spoken

PERCENT = 5
UNSERVED = timedelta(seconds=6)
EXPERIMENT = Experiment(
    id="EXP-NET-010",
    hypothesis=f"With {PERCENT} % of the packets between edge and server lost, customers are never without an answer for {spoken(UNSERVED)}",
    fault=Loss("nginx", "server-blue", percent=PERCENT),
    steady_state=(edge_serves("/api/listings"), healthy("nginx", "server-blue")),
    throughout=(Promise(edge_serves("/api/listings"), outage=UNSERVED),),
    users=UNSERVED,
    hold=timedelta(seconds=8),
    recover_within=timedelta(seconds=10),
    severity="medium",
    rationale="TCP repairs what is lost, at a price in seconds; a connection whose first packets are lost is only as patient as the edge.",
    remediation="A proxy_connect_timeout with room for two lost packets (1 s and 2 s, RFC 6298), and clients that may try again.",
)

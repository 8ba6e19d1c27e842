"""The way from the edge to the server is narrow."""

from datetime import timedelta

from chaos.experiment import Experiment, Promise
from chaos.faults import Bandwidth
from chaos.probes import edge_serves, healthy
from chaos.wording import spoken

KILOBYTES = 64
SERVED = timedelta(seconds=3)
EXPERIMENT = Experiment(
    id="EXP-NET-012",
    hypothesis=f"With {KILOBYTES} kB/s for each answer of the server every customer gets a page of listings within {spoken(SERVED)}",
    fault=Bandwidth("nginx", "server-blue", 8000, kilobytes_per_second=KILOBYTES),
    steady_state=(
        edge_serves("/api/listings", timeout_seconds=SERVED.total_seconds()),
        healthy("nginx", "server-blue"),
    ),
    throughout=(Promise(edge_serves("/api/listings", timeout_seconds=SERVED.total_seconds()), outage=timedelta(0)),),
    users=timedelta(0),
    hold=SERVED + timedelta(seconds=1),
    recover_within=timedelta(seconds=10),
    severity="medium",
    rationale="A page that grows with what is in the database is quick on an empty one; a narrow way shows what it weighs.",
    remediation="Pages of a bounded number of listings, and descriptions only where one listing is asked for.",
)

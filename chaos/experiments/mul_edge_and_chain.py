"""Two at once: the way to the server is slow, and the server can't reach the chain."""

from datetime import timedelta

from chaos.experiment import Experiment, Promise
from chaos.faults import Latency, Partitioned
from chaos.probes import edge_serves, healthy
from chaos.schedule import Schedule, Step
from chaos.wording import spoken

MORE = timedelta(milliseconds=200)
SERVED = timedelta(seconds=3)
EXPERIMENT = Experiment(
    id="EXP-MUL-002",
    hypothesis=(
        f"With {spoken(MORE)} more between edge and server while the chain is cut off, every customer is served "
        f"within {spoken(SERVED)}, and no acknowledged order is lost"
    ),
    fault=Schedule(
        (
            Step(Partitioned("server-blue", ("monerod",))),
            Step(Latency("nginx", "server-blue", 8000, milliseconds=MORE // timedelta(milliseconds=1))),
        )
    ),
    steady_state=(
        edge_serves("/api/listings", timeout_seconds=SERVED.total_seconds()),
        healthy("nginx", "server-blue", "monerod"),
    ),
    during=(edge_serves("/api/listings", timeout_seconds=SERVED.total_seconds(), within=timedelta(seconds=10)),),
    throughout=(Promise(edge_serves("/api/listings", timeout_seconds=SERVED.total_seconds()), outage=timedelta(0)),),
    users=timedelta(0),
    keeps=True,
    hold=SERVED + timedelta(seconds=1),
    recover_within=timedelta(seconds=10),
    rationale="Each alone is survived; together they add up where both are waited for in the same request.",
    remediation="No question to the chain in a customer's request; proxy time-outs well above the objective's latency.",
)

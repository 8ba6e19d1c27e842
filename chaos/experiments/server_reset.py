"""Every connection from the edge to the server is reset after the request."""

from datetime import timedelta

from chaos.experiment import Experiment, Promise
from chaos.faults import Reset
from chaos.probes import edge_serves, healthy
from chaos.wording import spoken

TOLD = timedelta(seconds=1)
SERVED = timedelta(seconds=10)
EXPERIMENT = Experiment(
    id="EXP-NET-013",
    hypothesis=(
        f"While the server's connections are reset customers are told 502 or 503 within {spoken(TOLD)}, what they wrote is kept "
        f"or refused and never doubled, and they are served within {spoken(SERVED)} after"
    ),
    fault=Reset("nginx", "server-blue", 8000),
    steady_state=(edge_serves("/api/listings"), healthy("nginx", "server-blue")),
    during=(
        edge_serves(
            "/api/listings", statuses=(502, 503), timeout_seconds=TOLD.total_seconds(), within=timedelta(seconds=10)
        ),
    ),
    throughout=(Promise(edge_serves("/edge-health", statuses=(404,)), outage=timedelta(0)),),
    keeps=True,
    hold=timedelta(seconds=2),
    recover_within=SERVED,
    rationale="A reset comes after the request: the server may have done what was asked, and only an Idempotency-Key tells.",
    remediation="proxy_next_upstream never repeats a POST; clients repeat it under the same Idempotency-Key.",
)

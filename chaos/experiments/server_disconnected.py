"""The server leaves the edge's network, and comes back under the same names and address."""

from datetime import timedelta

from chaos.experiment import Experiment, Promise
from chaos.faults import Disconnected
from chaos.probes import edge_serves, healthy
from chaos.wording import spoken

ANSWERS = timedelta(seconds=10)
BACK = timedelta(seconds=10)
EXPERIMENT = Experiment(
    id="EXP-NET-002",
    hypothesis=(
        f"Without a server the edge answers 502, 503 or 504 within {spoken(ANSWERS)}, "
        f"and customers are served within {spoken(BACK)} of its return"
    ),
    fault=Disconnected("server-blue", "edge"),
    steady_state=(edge_serves("/api/listings"), healthy("nginx", "server-blue")),
    during=(
        edge_serves("/api/listings", statuses=(502, 503, 504), timeout_seconds=ANSWERS.total_seconds(), within=ANSWERS),
    ),
    throughout=(
        Promise(edge_serves("/api/listings", timeout_seconds=1), outage=ANSWERS + BACK + timedelta(seconds=5)),
    ),
    hold=timedelta(seconds=1),
    recover_within=BACK,
    rationale="An edge that resolved its upstream once and for ever never finds a server that came back elsewhere.",
    remediation="resolver 127.0.0.11 with a variable upstream and short time-outs.",
)

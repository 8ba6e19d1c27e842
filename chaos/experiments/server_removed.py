"""Somebody removes the server's container, and it is made anew from its image and its volume."""

from datetime import timedelta

from chaos.experiment import Experiment
from chaos.faults import Removed
from chaos.probes import edge_serves, healthy
from chaos.wording import spoken

BACK = timedelta(seconds=15)
EXPERIMENT = Experiment(
    id="EXP-SRV-003",
    hypothesis=(
        "When the server's container is removed and made anew, all that was acknowledged is there "
        f"and customers are served within {spoken(BACK)} of its return"
    ),
    fault=Removed("server-blue"),
    steady_state=(edge_serves("/api/listings"), edge_serves("/health"), healthy("nginx", "server-blue")),
    during=(edge_serves("/edge-health", statuses=(404,), within=timedelta(seconds=10)),),
    keeps=True,
    hold=timedelta(seconds=1),
    recover_within=BACK,
    severity="critical",
    rationale="What is kept in the container and not in its volume is gone with it, and nobody sees which it was until then.",
    remediation="Data on a named volume, a read-only root, and an edge that looks its upstream up again.",
)

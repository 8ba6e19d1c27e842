"""The server's process dies under load, in the middle of orders."""

from datetime import timedelta

from chaos.experiment import Experiment, Promise
from chaos.faults import Killed
from chaos.probes import BACK_OFF_RESETS_AFTER, edge_serves, healthy
from chaos.wording import spoken

OUTAGE = timedelta(seconds=15)
EXPERIMENT = Experiment(
    id="EXP-SRV-002",
    hypothesis=(
        "When the server's process is killed under load, nothing that was acknowledged is lost "
        f"and customers are served again within {spoken(OUTAGE)}, with nobody's help"
    ),
    fault=Killed("server-blue"),
    steady_state=(edge_serves("/api/listings"), edge_serves("/health"), healthy("server-blue")),
    throughout=(Promise(edge_serves("/api/listings"), outage=OUTAGE),),
    users=OUTAGE,
    keeps=True,
    hold=timedelta(0),
    unaided=True,
    recover_within=timedelta(seconds=30),
    quiet_before=BACK_OFF_RESETS_AFTER,
    severity="critical",
    rationale="An order that was acknowledged is a promise to somebody who has paid; a crash is no reason to forget it.",
    remediation="Acknowledge after the commit is on the disk (WAL with synchronous=FULL), and restart: unless-stopped.",
)

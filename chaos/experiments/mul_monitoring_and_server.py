"""Two at once: the server restarts, and all that watches dies in the same moment."""

from datetime import timedelta

from chaos.experiment import Experiment, Promise
from chaos.faults import Killed
from chaos.probes import BACK_OFF_RESETS_AFTER, edge_serves, healthy
from chaos.schedule import Schedule, Step
from chaos.wording import spoken

OUTAGE = timedelta(seconds=15)
BACK = timedelta(seconds=30)
EXPERIMENT = Experiment(
    id="EXP-MUL-003",
    hypothesis=(
        f"When the server and all that watches it die together, customers are served again within {spoken(OUTAGE)}, all is back "
        f"within {spoken(BACK)} with nobody's help, and no acknowledged order is lost"
    ),
    fault=Schedule((Step(Killed("prometheus", ("alertmanager", "loki"))), Step(Killed("server-blue")))),
    steady_state=(
        edge_serves("/api/listings"),
        healthy("nginx", "server-blue", "prometheus", "alertmanager", "loki"),
    ),
    throughout=(Promise(edge_serves("/api/listings"), outage=OUTAGE),),
    users=OUTAGE,
    keeps=True,
    hold=timedelta(0),
    unaided=True,
    recover_within=BACK,
    quiet_before=BACK_OFF_RESETS_AFTER,
    rationale="A host that runs out of memory takes several at once; nothing may wait for what watches it to start.",
    remediation="restart: unless-stopped on every service, and no dependency of the shop's start on monitoring.",
)

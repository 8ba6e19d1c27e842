"""The disk under the database is full, to the last byte. On a copy of its own, whose disk is a file."""

from datetime import timedelta

from chaos.business import COME_BACK, Seller
from chaos.experiment import Experiment, Promise
from chaos.faults.disk import DiskFull
from chaos.probes import edge_serves, healthy
from chaos.rehearsal import FAULTABLE
from chaos.wording import spoken

BACK = timedelta(seconds=20)
_SELLER = Seller()
EXPERIMENT = Experiment(
    id="EXP-SRV-023",
    hypothesis=(
        "With its disk full the server still shows what is for sale, tells who writes to come back later, and loses nothing that it "
        f"acknowledged; it takes writes again within {spoken(BACK)} after there is room"
    ),
    fault=DiskFull("server-blue", "/data"),
    steady_state=(edge_serves("/api/listings"), _SELLER.lists(), healthy("server-blue")),
    during=(_SELLER.lists(or_told=COME_BACK),),
    throughout=(Promise(edge_serves("/api/listings"), outage=timedelta(0)),),
    keeps=True,
    hold=timedelta(seconds=2),
    recover_within=BACK,
    severity="critical",
    rationale="Disks fill up on quiet nights; what was promised by day must be there, and nobody promised what can't be kept.",
    remediation="Acknowledge after the commit, answer 503 with Retry-After where there is no room, and alert long before.",
    stage=FAULTABLE,
)

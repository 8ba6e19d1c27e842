"""The server's clock is an hour ahead: a machine that woke up, a time server that is wrong. On a copy whose clock can be shifted."""

from datetime import timedelta

from chaos.business import Seller, acts_for_escrows
from chaos.experiment import Experiment, Promise
from chaos.faults.clock import ClockSkew
from chaos.probes import edge_serves, healthy
from chaos.rehearsal import FAULTABLE
from chaos.wording import spoken

BACK = timedelta(seconds=20)
_SELLER = Seller()
EXPERIMENT = Experiment(
    id="EXP-SRV-024",
    hypothesis=(
        "With its clock an hour ahead the server logs nobody out, takes orders and sees to the escrows, loses nothing that it "
        f"acknowledged, and goes on doing so within {spoken(BACK)} after the clock is right again"
    ),
    fault=ClockSkew("server-blue", seconds=3600),
    steady_state=(
        edge_serves("/api/listings"),
        _SELLER.lists(),
        _SELLER.stays_logged_in(),
        acts_for_escrows("server-blue"),
        healthy("server-blue"),
    ),
    during=(_SELLER.stays_logged_in(), _SELLER.lists(), acts_for_escrows("server-blue", within=timedelta(seconds=15))),
    throughout=(Promise(edge_serves("/api/listings"), outage=timedelta(0)),),
    keeps=True,
    hold=timedelta(seconds=2),
    recover_within=BACK,
    rationale="Clocks are wrong now and then, both ways, and the way back is a jump too: leases and sessions are counted by them.",
    remediation="Count time-outs on the monotonic clock, and doubt a deadline that no right clock can have set.",
    stage=FAULTABLE,
)

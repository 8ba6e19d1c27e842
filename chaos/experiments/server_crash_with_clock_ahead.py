"""The server crashes while its clock is an hour ahead, and comes back when it is right: what it left is dated in the future."""

from datetime import timedelta

from chaos.business import acts_for_escrows
from chaos.experiment import Experiment
from chaos.faults import Killed
from chaos.faults.clock import ClockSkew
from chaos.probes import BACK_OFF_RESETS_AFTER, edge_serves, healthy
from chaos.rehearsal import FAULTABLE
from chaos.schedule import Schedule, Step
from chaos.wording import spoken

BACK = timedelta(seconds=30)
_TAKES_OVER = timedelta(seconds=3)
"""For the lease to be renewed by the wrong clock before the crash."""
EXPERIMENT = Experiment(
    id="EXP-SRV-025",
    hypothesis=(
        "A server that crashed while its clock was an hour ahead sees to the escrows again "
        f"within {spoken(BACK)} after the clock is right"
    ),
    fault=Schedule(
        (Step(ClockSkew("server-blue", seconds=3600)), Step(Killed("server-blue"), after=_TAKES_OVER, once_seen=True))
    ),
    steady_state=(edge_serves("/api/listings"), healthy("server-blue"), acts_for_escrows("server-blue")),
    hold=timedelta(0),
    recover_within=BACK,
    quiet_before=BACK_OFF_RESETS_AFTER,
    rationale="A lease that ends in an hour by a wrong clock keeps everybody from the escrows for that hour: money that nobody moves.",
    remediation="A lease that lasts longer than leases do was not given by a right clock: take it over.",
    stage=FAULTABLE,
)

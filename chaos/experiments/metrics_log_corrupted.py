"""One bit of Prometheus' write-ahead log is not what was written."""

from datetime import timedelta
from typing import TYPE_CHECKING

from chaos.experiment import Experiment, Probe, Promise
from chaos.faults.files import FileCorrupted
from chaos.probes import edge_serves, healthy
from chaos.told import says
from stack.clients.http import Refused
from stack.errors import CannotTell

if TYPE_CHECKING:
    from stack.model import Stack

SOON = timedelta(seconds=60)
"""No promise: an evaluation is due every 15 s, on a machine that may be busy."""


def _quiet(stack: "Stack") -> str | None:
    try:
        firing = stack.prometheus.firing()
    except (CannotTell, Refused) as error:
        return str(error)
    return None if "Watchdog" in firing else f"firing are {', '.join(sorted(firing)) or 'none'}"


EXPERIMENT = Experiment(
    id="EXP-MON-043",
    hypothesis=(
        "With a damaged write-ahead log Prometheus says so, repairs what it can, starts again with nobody's help "
        "and evaluates its rules, and customers notice nothing"
    ),
    fault=FileCorrupted("prometheus", "/prometheus/wal/0*", written=True, offset=100),
    steady_state=(edge_serves("/api/listings"), healthy("prometheus")),
    during=(
        says(
            "Prometheus says that its log was damaged",
            "prometheus",
            9090,
            {"prometheus_tsdb_wal_corruptions_total": 1},
            within=SOON,
        ),
        Probe("the alert that always fires does", _quiet, SOON),
    ),
    throughout=(Promise(edge_serves("/api/listings"), outage=timedelta(0)),),
    hold=timedelta(0),
    recover_within=timedelta(seconds=30),
    rationale="A monitoring that needs a person before it starts again is blind for as long as the person sleeps.",
    remediation="Leave Prometheus its own repair (no wrapper that ends at the first corruption), on a volume of its own.",
)

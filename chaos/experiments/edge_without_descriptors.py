"""The edge may open nothing further, no connection and no file: a leak, or a limit that nobody raised."""

from datetime import timedelta

from chaos.experiment import Experiment, Promise
from chaos.faults.descriptors import FileDescriptorsExhausted
from chaos.probes import edge_serves, healthy
from chaos.told import keeps_running
from chaos.wording import spoken

HOLD = timedelta(seconds=2)
BACK = timedelta(seconds=10)
EXPERIMENT = Experiment(
    id="EXP-EDG-020",
    hypothesis=(
        "An edge that ran out of file descriptors does not end, and serves customers again "
        f"within {spoken(BACK)} after it may open files again"
    ),
    fault=FileDescriptorsExhausted("nginx"),
    steady_state=(
        edge_serves("/api/listings"),
        edge_serves("/health"),
        healthy("nginx", "server-blue"),
        keeps_running("nginx"),
    ),
    throughout=(Promise(edge_serves("/api/listings"), outage=HOLD + BACK + timedelta(seconds=10)),),
    hold=HOLD,
    recover_within=BACK,
    rationale="Every connection takes a descriptor or two; who runs out must wait for some to be given back, and not fall over.",
    remediation="worker_rlimit_nofile over twice worker_connections, and time-outs that give idle connections back.",
)

"""The edge is told to pass requests to a colour that nobody has started."""

from datetime import timedelta

from chaos.experiment import Experiment
from chaos.faults.upstream import UpstreamWrong
from chaos.probes import edge_serves, healthy
from chaos.told import keeps_running
from chaos.wording import spoken

ANSWERS = timedelta(seconds=3)
BACK = timedelta(seconds=10)
EXPERIMENT = Experiment(
    id="EXP-EDG-047",
    hypothesis=(
        f"When the edge is told to ask a server that nobody has it says so within {spoken(ANSWERS)} and answers for itself; "
        f"told right, customers are served within {spoken(BACK)} after, and nothing is started anew"
    ),
    fault=UpstreamWrong("nginx"),
    steady_state=(edge_serves("/api/listings"), healthy("nginx", "server-blue"), keeps_running("nginx")),
    during=(
        edge_serves("/api/listings", statuses=(502, 503), timeout_seconds=ANSWERS.total_seconds(), within=BACK),
        edge_serves("/edge-health", statuses=(404,), timeout_seconds=ANSWERS.total_seconds(), within=BACK),
    ),
    hold=timedelta(seconds=1),
    recover_within=BACK,
    rationale="A switch to a colour that was never started is the classic of deployments; whoever waits for it waits for ever.",
    remediation="Names resolved while serving, short time-outs, and a switch that is a file and a reload.",
)

"""The chain's daemon freezes: it takes connections and answers nothing."""

from datetime import timedelta

from chaos.experiment import Experiment, Promise
from chaos.faults import Paused
from chaos.probes import LONGER_THAN_PATIENCE, edge_serves, healthy

EXPERIMENT = Experiment(
    id="EXP-CHN-001",
    hypothesis="While the chain's daemon is frozen, customers browse undisturbed",
    fault=Paused("monerod"),
    steady_state=(edge_serves("/api/listings"), edge_serves("/health"), healthy("monerod", "server-blue")),
    throughout=(
        Promise(edge_serves("/api/listings"), outage=timedelta(0)),
        Promise(edge_serves("/health"), outage=timedelta(0)),
    ),
    users=timedelta(0),
    hold=LONGER_THAN_PATIENCE,
    recover_within=timedelta(seconds=30),
    rationale="Something that refuses is noticed at once; something that hangs is waited for, by whoever asks it in a request.",
    remediation="Ask the chain from a worker of its own, with a time-out, and never from a request that only reads.",
)

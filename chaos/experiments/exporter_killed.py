"""The exporter of the chain's and the wallets' numbers dies."""

from datetime import timedelta

from chaos.experiment import Experiment, Promise
from chaos.faults import Killed
from chaos.probes import BACK_OFF_RESETS_AFTER, answers, edge_serves, healthy
from chaos.wording import spoken

BACK = timedelta(seconds=30)


def _metrics(stack) -> str:  # type: ignore[no-untyped-def]
    host, port = stack.published("monero-exporter", 9101)
    return f"http://{host}:{port}/metrics"


EXPERIMENT = Experiment(
    id="EXP-EXT-001",
    hypothesis=f"An exporter whose process is killed is back within {spoken(BACK)} with nobody's help, and customers notice nothing",
    fault=Killed("monero-exporter"),
    steady_state=(
        edge_serves("/api/listings"),
        healthy("monero-exporter"),
        answers("the exporter tells its numbers", _metrics),
    ),
    throughout=(Promise(edge_serves("/api/listings"), outage=timedelta(0)),),
    hold=timedelta(0),
    unaided=True,
    recover_within=BACK,
    quiet_before=BACK_OFF_RESETS_AFTER,
    severity="low",
    rationale="An exporter that is gone blinds alerts; one that takes its subject along is worse than none.",
    remediation="restart: unless-stopped, and an exporter that asks its subject only when it is asked itself.",
)

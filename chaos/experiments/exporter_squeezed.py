"""Something holds most of the memory that the exporter of the chain's and the wallets' numbers was given."""

from dataclasses import replace
from datetime import timedelta

from chaos.experiment import Experiment, Promise
from chaos.faults.stress import MemoryStress
from chaos.probes import answers, edge_serves, healthy
from chaos.told import keeps_running
from chaos.wording import spoken
from stack.model import Stack

ANSWER = timedelta(seconds=8)


def _metrics(stack: Stack) -> str:
    host, port = stack.published("monero-exporter", 9101)
    return f"http://{host}:{port}/metrics"


_TOLD = answers(
    f"the exporter tells its numbers within {spoken(ANSWER)}", _metrics, timeout_seconds=ANSWER.total_seconds()
)
EXPERIMENT = Experiment(
    id="EXP-EXT-020",
    hypothesis="With four fifths of its memory taken, the exporter of the wallets' numbers goes on and tells them, and customers notice nothing",
    fault=MemoryStress("monero-exporter", percent=80),
    steady_state=(healthy("monero-exporter"), _TOLD, keeps_running("monero-exporter")),
    during=(replace(_TOLD, within=timedelta(seconds=10)),),
    throughout=(Promise(edge_serves("/api/listings"), outage=timedelta(0)),),
    hold=timedelta(seconds=1),
    recover_within=timedelta(seconds=15),
    severity="low",
    rationale="An exporter that falls over when memory is tight blinds the alerts that would have said so.",
    remediation="A memory limit with room over what a scrape takes, and numbers that are asked for anew and not hoarded.",
)

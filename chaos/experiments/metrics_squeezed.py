"""Something holds most of the memory that the metrics store was given."""

from dataclasses import replace
from datetime import timedelta

from chaos.business import metrics_are_queried
from chaos.experiment import Experiment, Promise
from chaos.faults.stress import MemoryStress
from chaos.probes import edge_serves, healthy
from chaos.told import keeps_running
from chaos.wording import spoken

ANSWER = timedelta(seconds=3)
EXPERIMENT = Experiment(
    id="EXP-MON-020",
    hypothesis=f"With nine tenths of its memory taken, Prometheus goes on and answers a query within {spoken(ANSWER)}, and customers notice nothing",
    fault=MemoryStress("prometheus", percent=90),
    steady_state=(metrics_are_queried(answer_within=ANSWER), healthy("prometheus"), keeps_running("prometheus")),
    during=(replace(metrics_are_queried(answer_within=ANSWER), within=timedelta(seconds=10)),),
    throughout=(Promise(edge_serves("/api/listings"), outage=timedelta(0)),),
    users=timedelta(0),
    hold=timedelta(seconds=1),
    recover_within=timedelta(seconds=10),
    severity="medium",
    rationale="A metrics store grows with what it watches; it must not go blind, or take the shop along, on the day that it is tight.",
    remediation="A memory limit with room for twice the series of today, bounded retention, and an alert on its use.",
)

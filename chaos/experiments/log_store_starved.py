"""The log store gets a fraction of the processor time that it was given."""

from dataclasses import replace
from datetime import timedelta

from chaos.business import logs_are_searched
from chaos.experiment import Experiment, Promise
from chaos.faults.stress import CpuStress
from chaos.probes import edge_serves, healthy
from chaos.wording import spoken

ANSWER = timedelta(seconds=5)
EXPERIMENT = Experiment(
    id="EXP-LOG-021",
    hypothesis=f"Short of processor time, Loki still answers a search within {spoken(ANSWER)}, and customers notice nothing",
    fault=CpuStress("loki", workers=2),
    steady_state=(healthy("loki"), logs_are_searched(answer_within=ANSWER)),
    during=(replace(logs_are_searched(answer_within=ANSWER), within=timedelta(seconds=10)),),
    throughout=(Promise(edge_serves("/api/listings"), outage=timedelta(0)),),
    hold=timedelta(seconds=1),
    recover_within=timedelta(seconds=10),
    severity="low",
    rationale="Logs are searched when something is wrong, which is when processors are busy.",
    remediation="Processor shares for the shop, a limit for the rest, and bounds on what one search may read.",
)

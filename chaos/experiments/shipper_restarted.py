"""What ships the logs is restarted."""

from datetime import timedelta

from chaos.errands.log_line import LoggedLines
from chaos.experiment import Experiment
from chaos.faults import Stopped
from chaos.probes import healthy
from chaos.wording import spoken

FOUND = timedelta(seconds=30)
LINES = LoggedLines("server-blue")
EXPERIMENT = Experiment(
    id="EXP-LOG-001",
    hypothesis=f"Lines that are logged while their shipper is away are found within {spoken(FOUND)} of its return, each once",
    fault=Stopped("promtail"),
    steady_state=(healthy("promtail", "loki"), LINES.begun),
    during=(LINES.logged,),
    hold=timedelta(seconds=1),
    recover_within=FOUND,
    severity="medium",
    rationale="The lines of the minutes in which things were restarted are the ones that are read afterwards.",
    remediation="Positions on a named volume, written in time; json-file logs that outlive the shipper's absence.",
)

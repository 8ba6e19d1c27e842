"""The shipper of logs can't reach the store: every connection to it is reset."""

from datetime import timedelta

from chaos.errands.log_line import LoggedLines
from chaos.experiment import Experiment
from chaos.faults import Reset
from chaos.probes import healthy
from chaos.wording import spoken

FOUND = timedelta(seconds=30)
LINES = LoggedLines("server-blue")
EXPERIMENT = Experiment(
    id="EXP-LOG-030",
    hypothesis=(
        "What is logged while the store can't be reached by the shipper is found "
        f"within {spoken(FOUND)} of its return, no line lost and none twice"
    ),
    fault=Reset("promtail", "loki", 3100, lost="requests"),
    steady_state=(healthy("promtail", "loki"), LINES.begun),
    during=(LINES.logged,),
    hold=timedelta(seconds=2),
    recover_within=FOUND,
    rationale="A shipper that gives a batch up after some tries loses the lines of exactly those minutes that are read afterwards.",
    remediation="max_retries: 0 (for ever) in promtail's backoff_config: what can't be shipped waits in the engine's log files.",
)

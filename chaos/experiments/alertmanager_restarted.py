"""Alertmanager is restarted while somebody relies on a silence."""

from datetime import timedelta

from chaos.errands.silence import KeptSilence
from chaos.experiment import Experiment, Promise
from chaos.faults import Restarted
from chaos.probes import edge_serves, healthy
from chaos.wording import spoken

BACK = timedelta(seconds=30)
SILENCE = KeptSilence()
EXPERIMENT = Experiment(
    id="EXP-ALR-002",
    hypothesis=f"A restart of Alertmanager forgets no silence, and it is back within {spoken(BACK)}",
    fault=Restarted("alertmanager"),
    steady_state=(edge_serves("/api/listings"), healthy("alertmanager"), SILENCE.kept),
    throughout=(Promise(edge_serves("/api/listings"), outage=timedelta(0)),),
    hold=timedelta(0),
    unaided=True,
    recover_within=BACK,
    severity="medium",
    rationale="A silence that a restart forgets wakes whoever set it, who then trusts neither silences nor alerts.",
    remediation="--storage.path on a named volume, and a stop long enough to write the silences down.",
)

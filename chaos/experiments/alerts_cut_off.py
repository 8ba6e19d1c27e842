"""Alertmanager and whoever it tells lose each other: packets vanish, nothing refuses."""

from datetime import timedelta

from chaos.errands.alert import RaisedAlert
from chaos.experiment import Experiment
from chaos.faults import Blackhole
from chaos.probes import healthy
from chaos.wording import spoken

TOLD = timedelta(seconds=30)
ALERT = RaisedAlert()
EXPERIMENT = Experiment(
    id="EXP-ALR-030",
    hypothesis=f"An alert that is raised while packets to its receiver are lost arrives within {spoken(TOLD)} of their return",
    fault=Blackhole("alertmanager", "alert-receiver", 9095, accepts=False),
    steady_state=(healthy("alertmanager", "alert-receiver"), ALERT.told),
    during=(ALERT.raised,),
    hold=timedelta(seconds=6),  # a critical alert waits 5 s for others of its group before it is told
    recover_within=TOLD,
    severity="critical",
    rationale="Refused is tried again at once; lost is waited for, and a notifier that waits for ever tells nobody anything.",
    remediation="Alertmanager's own retries (bounded by group_interval), and a second receiver on another way.",
)

"""Whoever is to be told of alerts is away when one is raised."""

from datetime import timedelta

from chaos.errands.alert import RaisedAlert
from chaos.experiment import Experiment
from chaos.faults import Stopped
from chaos.probes import healthy
from chaos.wording import spoken

TOLD = timedelta(seconds=30)
ALERT = RaisedAlert()
EXPERIMENT = Experiment(
    id="EXP-ALR-001",
    hypothesis=f"An alert that is raised while its receiver is down arrives within {spoken(TOLD)} of its return",
    fault=Stopped("alert-receiver"),
    steady_state=(healthy("alertmanager", "alert-receiver"), ALERT.told),
    during=(ALERT.raised, ALERT.tried),
    hold=timedelta(0),
    recover_within=TOLD,
    severity="critical",
    rationale="What breaks the shop may well break the way to whoever mends it; a message that is tried once is then never read.",
    remediation="Let Alertmanager retry (it does, up to group_interval), and give it a second receiver that shares nothing with the first.",
)

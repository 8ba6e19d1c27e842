"""Somebody silences an alert and forgets it."""

from dataclasses import replace
from datetime import timedelta

from chaos.errands.alert import RaisedAlert
from chaos.errands.muted import MutedAlert
from chaos.experiment import Experiment
from chaos.faults.muted import RuleMuted
from chaos.probes import healthy
from chaos.told import says

TOLD = timedelta(seconds=20)
MUTED = MutedAlert("ServiceDown")
OTHER = RaisedAlert()
EXPERIMENT = Experiment(
    id="EXP-ALR-049",
    hypothesis=(
        "When somebody has silenced an alert it is held and shown as silenced, the silence is counted in a metric, "
        "and every other alert is still told"
    ),
    fault=RuleMuted("alertmanager", "ServiceDown"),
    steady_state=(healthy("alertmanager", "alert-receiver"), MUTED.audible),
    during=(
        MUTED.raised,
        OTHER.raised,
        MUTED.held,
        says(
            "the silence is counted", "alertmanager", 9093, {'alertmanager_silences{state="active"}': 1}, at_least=True
        ),
        replace(OTHER.told, within=TOLD),
        MUTED.untold,
    ),
    hold=timedelta(0),
    recover_within=timedelta(seconds=10),
    severity="medium",
    rationale="A silence for tonight's maintenance that stays is the commonest reason why nobody was woken.",
    remediation="Silences with an end, an owner and a comment; a panel that counts them; a dead man's switch beside them.",
)

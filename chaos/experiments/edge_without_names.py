"""The edge can't look names up, its server's above all."""

from datetime import timedelta

from chaos.experiment import Experiment, Promise
from chaos.faults import DnsBroken
from chaos.probes import edge_serves, healthy

EXPERIMENT = Experiment(
    id="EXP-EDG-030",
    hypothesis="While the edge's questions for names are not answered every customer is served: the way to the server needs no name",
    fault=DnsBroken("nginx"),
    steady_state=(edge_serves("/api/listings"), healthy("nginx", "server-blue")),
    throughout=(Promise(edge_serves("/api/listings"), outage=timedelta(0)),),
    users=timedelta(0),
    # Longer than the edge's resolver keeps an answer (valid=5s): who still depends on it is seen to.
    hold=timedelta(seconds=7),
    recover_within=timedelta(seconds=10),
    severity="critical",
    rationale="The engine answers for names and is restarted now and then; a shop that asks it where its own server is closes with it.",
    remediation="An upstream by its fixed address (edge/colours.conf), not a name that is looked up while serving.",
)

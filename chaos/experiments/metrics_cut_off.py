"""Prometheus on one side, all that it watches on the other."""

from datetime import timedelta

from chaos.errands.scrapes import condition_holds, fires_nothing, sees_everybody
from chaos.experiment import Experiment, Promise
from chaos.faults import Partitioned
from chaos.probes import edge_serves, healthy
from chaos.wording import spoken

WATCHED = (
    "alertmanager",
    "alert-receiver",
    "server-blue",
    "nginx-exporter",
    "node-exporter",
    "monero-exporter",
    "blackbox-exporter",
    "loki",
    "promtail",
)
SEES_IT = timedelta(seconds=50)
"""A scrape that begins in the cut (every 15 s) fails after 10 s; the rule is asked every 15 s (stack/config/prometheus)."""
BACK = timedelta(seconds=30)
EXPERIMENT = Experiment(
    id="EXP-MON-030",
    hypothesis=(
        "When Prometheus is cut off from all that it watches until its scrapes fail, it does not call a service down yet, "
        f"it scrapes all of them again within {spoken(BACK)} of their return, and customers notice nothing"
    ),
    fault=Partitioned.halves(["prometheus"], WATCHED),
    steady_state=(edge_serves("/api/listings"), healthy("prometheus"), sees_everybody(), fires_nothing("ServiceDown")),
    during=(condition_holds("ServiceDown", within=SEES_IT),),
    throughout=(
        Promise(edge_serves("/api/listings"), outage=timedelta(0)),
        Promise(fires_nothing("ServiceDown"), outage=timedelta(0)),
    ),
    users=timedelta(0),
    hold=timedelta(0),
    settles_within=timedelta(seconds=40),
    recover_within=BACK,
    severity="medium",
    rationale="A watcher that is cut off sees everything down; whether it wakes somebody for that is a matter of its patience.",
    remediation="A `for` of some scrapes on every alert about up, and a watchdog that tells when the watcher itself is gone.",
)

"""The server can't look names up: its wallets' names are not answered any more."""

from datetime import timedelta

from chaos.errands.readiness import hears_every_wallet
from chaos.experiment import Experiment, Promise
from chaos.faults import DnsBroken
from chaos.probes import LONGER_THAN_PATIENCE, edge_serves, healthy
from chaos.wording import spoken

BACK = timedelta(seconds=10)
EXPERIMENT = Experiment(
    id="EXP-SRV-030",
    hypothesis=(
        "While the server's questions for names are not answered customers browse undisturbed, "
        f"and it hears every wallet within {spoken(BACK)} after"
    ),
    fault=DnsBroken("server-blue"),
    steady_state=(
        edge_serves("/api/listings"),
        hears_every_wallet(),
        healthy("server-blue"),
    ),
    throughout=(
        Promise(edge_serves("/api/listings"), outage=timedelta(0)),
        Promise(edge_serves("/health"), outage=timedelta(0)),
    ),
    users=timedelta(0),
    hold=LONGER_THAN_PATIENCE,
    recover_within=BACK,
    rationale="A look-up waits five seconds by default and, asked in the wrong place, holds every request behind it.",
    remediation="Look names up off the path of a request and off the loop's only thread, with a bound on how many wait.",
)

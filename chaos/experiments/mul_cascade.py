"""One upon another: the chain's daemon stops, a wallet that needed it dies, and then the server restarts into all that."""

from datetime import timedelta

from chaos.experiment import Experiment, Promise
from chaos.faults import Killed, Restarted, Stopped
from chaos.probes import BACK_OFF_RESETS_AFTER, edge_serves, healthy
from chaos.schedule import Schedule, Step
from chaos.wording import spoken

SERVED = timedelta(seconds=15)
BACK = timedelta(seconds=60)
EXPERIMENT = Experiment(
    id="EXP-MUL-004",
    hypothesis=(
        f"When the chain stops, then a wallet dies and then the server restarts, customers are served again "
        f"within {spoken(SERVED)} without the chain, chain and wallet are back within {spoken(BACK)} of the chain's return, "
        "and no acknowledged order is lost"
    ),
    fault=Schedule(
        (
            Step(Stopped("monerod")),
            Step(Killed("monero-wallet-rpc-buyer"), once_seen=True),
            Step(Restarted("server-blue"), once_seen=True),
        )
    ),
    steady_state=(
        edge_serves("/api/listings"),
        healthy("nginx", "server-blue", "monerod", "monero-wallet-rpc-buyer"),
    ),
    during=(edge_serves("/api/listings", within=SERVED),),
    throughout=(Promise(edge_serves("/api/listings"), outage=SERVED),),
    users=SERVED,
    keeps=True,
    hold=timedelta(seconds=1),
    recover_within=BACK,
    quiet_before=BACK_OFF_RESETS_AFTER,
    severity="critical",
    rationale="Failures cascade, and restarts come in the middle of them: whoever needs everything to start never starts again.",
    remediation="The server starts without chain and wallets; escrows wait in the database and go on when those are back.",
)

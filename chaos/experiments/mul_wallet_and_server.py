"""Two at once: a wallet is down, and the server freezes for a moment meanwhile."""

from datetime import timedelta

from chaos.experiment import Experiment, Promise
from chaos.faults import Paused, Stopped
from chaos.probes import edge_serves, healthy
from chaos.schedule import Schedule, Step
from chaos.wording import spoken

FROZEN = timedelta(seconds=2)
WAIT = timedelta(seconds=5)
EXPERIMENT = Experiment(
    id="EXP-MUL-001",
    hypothesis=(
        f"When the server freezes for {spoken(FROZEN)} while a wallet is down, customers wait no longer than {spoken(WAIT)}, "
        "and no acknowledged order is lost"
    ),
    fault=Schedule(
        (
            Step(Stopped("monero-wallet-rpc-arbiter")),
            Step(Paused("server-blue"), once_seen=True, stands=FROZEN),
        )
    ),
    steady_state=(edge_serves("/api/listings"), healthy("server-blue", "monero-wallet-rpc-arbiter")),
    throughout=(Promise(edge_serves("/api/listings", timeout_seconds=1), outage=WAIT),),
    users=WAIT,
    keeps=True,
    hold=FROZEN + timedelta(seconds=1.5),
    recover_within=timedelta(seconds=15),
    rationale="Trouble comes in company: what waits for a wallet that is gone must not keep the server from going on.",
    remediation="Wallets are asked by a worker of their own, with time-outs; an order is on disk before it is acknowledged.",
)

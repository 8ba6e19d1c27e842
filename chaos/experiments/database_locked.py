"""Somebody else has the database's write lock: a backup that hangs, a session that was forgotten, a long migration."""

from datetime import timedelta

from chaos.business import COME_BACK, Seller
from chaos.errands.locked import still_locked
from chaos.experiment import Experiment, Promise
from chaos.faults.database_lock import DatabaseLocked
from chaos.probes import edge_serves, healthy
from chaos.wording import spoken

LOCKED = DatabaseLocked("server-blue", seconds=30)
"""Far longer than a seller waits; the revert ends it."""
ANSWER = timedelta(seconds=20)
"""The server waits 5 s for the lock, once for the writes that came before the seller's and once for the seller's own."""
BACK = timedelta(seconds=10)
_SELLER = Seller()
EXPERIMENT = Experiment(
    id="EXP-SRV-021",
    hypothesis=(
        f"While somebody else has the database locked for a while, customers browse undisturbed, "
        f"who sells waits or is told to come back, and all is as before within {spoken(BACK)} after, with no acknowledged write lost"
    ),
    fault=LOCKED,
    steady_state=(edge_serves("/api/listings"), _SELLER.lists(answer_within=ANSWER), healthy("server-blue")),
    during=(_SELLER.lists(or_told=COME_BACK, answer_within=ANSWER), still_locked(LOCKED)),
    throughout=(Promise(edge_serves("/api/listings", timeout_seconds=5), outage=timedelta(0)),),
    users=timedelta(0),
    keeps=True,
    hold=timedelta(seconds=2),
    recover_within=BACK,
    rationale="There is one writer in SQLite; whoever has the lock for longer than usual must cost patience, and never an order.",
    remediation="WAL mode, a busy time-out, readers on connections of their own, and 503 with Retry-After when waiting is over.",
)

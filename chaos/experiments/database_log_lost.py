"""The database's write-ahead log is lost in a crash: what a copy of the main file alone leaves behind."""

from datetime import timedelta

from chaos.errands.write_ahead_log import log_holds_more_than_file
from chaos.experiment import Experiment
from chaos.faults.wal import StaleWal
from chaos.probes import edge_serves, healthy
from chaos.told import refuses
from chaos.wording import spoken

DATABASE = "/data/market.db"
BACK = timedelta(seconds=15)
EXPERIMENT = Experiment(
    id="EXP-SRV-041",
    hypothesis=(
        "When the database's write-ahead log is lost in a crash the server refuses to start rather than serve a market that has "
        f"forgotten orders; with the log back all that was acknowledged is there within {spoken(BACK)}"
    ),
    fault=StaleWal("server-blue", DATABASE),
    ready=log_holds_more_than_file("server-blue", DATABASE),
    steady_state=(edge_serves("/api/listings"), healthy("server-blue")),
    during=(
        refuses("server-blue", "customers were answered for writes up to", within=timedelta(seconds=60)),
        edge_serves("/api/listings", statuses=(502, 503, 504), timeout_seconds=10, within=timedelta(seconds=10)),
    ),
    keeps=True,
    hold=timedelta(seconds=1),
    recover_within=BACK,
    severity="critical",
    rationale="SQLite opens the file without its log and every integrity check passes: what was acknowledged since is just not there.",
    remediation="Note beside the database how far was acknowledged, and refuse to start on one that ends earlier.",
)

"""One bit of the database's file is not what was written."""

from datetime import timedelta

from chaos.experiment import Experiment
from chaos.faults.files import FileCorrupted
from chaos.probes import edge_serves, healthy
from chaos.told import refuses
from chaos.wording import spoken

BACK = timedelta(seconds=15)
REFUSES = timedelta(seconds=60)
"""No promise: how long a busy machine may take to start it and let it fail."""
EXPERIMENT = Experiment(
    id="EXP-SRV-040",
    hypothesis=(
        "With one bit of its database the other way round the server refuses to start and nobody is served anything wrong; "
        f"with the bit put right all that was acknowledged is there within {spoken(BACK)}"
    ),
    fault=FileCorrupted(
        "server-blue",
        "/data/market.db",
        also=("/data/market.db-wal", "/data/market.db-shm"),
        written=True,
        offset=100,
    ),
    steady_state=(edge_serves("/api/listings"), healthy("server-blue")),
    during=(
        refuses("server-blue", "/data/market.db does not open with the key given", within=REFUSES),
        edge_serves("/api/listings", statuses=(502, 503, 504), timeout_seconds=10, within=timedelta(seconds=10)),
    ),
    keeps=True,
    hold=timedelta(0),
    recover_within=BACK,
    severity="critical",
    rationale="A disk, a cable or a memory cell flips a bit now and then. A market that serves on with it pays out wrong amounts.",
    remediation="SQLCipher's page authentication, and a server that ends at a database it can't open instead of making a new one.",
)

"""The backup service dies while it makes a backup."""

from datetime import timedelta

from chaos.errands.backups import Backups
from chaos.experiment import Experiment, Promise
from chaos.faults import Killed
from chaos.probes import BACK_OFF_RESETS_AFTER, edge_serves
from chaos.wording import spoken

AGAIN = timedelta(seconds=60)
BACKUPS = Backups("backup-database", "database")
EXPERIMENT = Experiment(
    id="EXP-BAK-001",
    hypothesis=(
        "When the backup service is killed while it makes a backup, no half backup is offered, "
        f"and within {spoken(AGAIN)} one is made again"
    ),
    fault=Killed("backup-database"),
    steady_state=(edge_serves("/api/listings"), BACKUPS.sound),
    throughout=(
        Promise(BACKUPS.made, outage=AGAIN),
        Promise(edge_serves("/api/listings"), outage=timedelta(0)),
    ),
    ready=BACKUPS.just_begun,
    witness=BACKUPS.cut_short,
    hold=timedelta(seconds=1),
    recover_within=timedelta(seconds=30),
    quiet_before=BACK_OFF_RESETS_AFTER,
    rationale="A half backup is worse than none: it is the newest, it is chosen, and it is found out during the restore.",
    remediation="Build under another name, verify, fsync, rename, and write the manifest last; a folder lock that a kill lets go.",
)

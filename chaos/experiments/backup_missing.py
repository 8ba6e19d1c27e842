"""The newest backup is not where it was put."""

from datetime import timedelta

from chaos.errands.backups import Backups
from chaos.experiment import Experiment
from chaos.faults.backups import BackupMissing
from chaos.told import answered

BACKUPS = Backups("backup-database", "database")
FOLDER = "/backups/database"
EXPERIMENT = Experiment(
    id="EXP-BAK-045",
    hypothesis=(
        "When the newest backup of the database is gone the operator's command and the service's own health check name it, "
        "and the next backup is made and is whole"
    ),
    fault=BackupMissing("backup-database", FOLDER, "db-*.gpg"),
    steady_state=(BACKUPS.sound,),
    during=(
        answered(
            "verify-backups names it",
            "backup-database",
            ["verify-backups", "--in", FOLDER],
            1,
            "the archive is missing",
        ),
        answered(
            "the health check names it", "backup-database", ["backup-health"], 1, "is missing or not of its stated size"
        ),
        BACKUPS.made,
    ),
    hold=timedelta(0),
    recover_within=timedelta(seconds=10),
    rationale="A backup that is gone is noticed by nobody until it is needed, unless somebody counts.",
    remediation="Hold every archive against its manifest (verify-backups), and let the service's health say so.",
)

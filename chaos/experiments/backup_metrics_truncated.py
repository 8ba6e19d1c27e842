"""What a backup tells the monitoring ends too early."""

from datetime import timedelta

from chaos.experiment import Experiment, Promise
from chaos.faults.files import FileTruncated
from chaos.probes import edge_serves, healthy
from chaos.told import says

EXPERIMENT = Experiment(
    id="EXP-EXT-040",
    hypothesis=(
        "When what a backup tells the monitoring is cut short, node-exporter says that it can't read it "
        "and goes on telling everything else"
    ),
    fault=FileTruncated("node-exporter", "/textfile/seatrial_backup_database.prom", size=100, held=False),
    steady_state=(
        healthy("node-exporter"),
        says("every file is read", "node-exporter", 9100, {"node_textfile_scrape_error": 0}),
    ),
    during=(
        says(
            "node-exporter says that a file can't be read, and tells the others", "node-exporter", 9100,
            {"node_textfile_scrape_error": 1, 'seatrial_backup_last_run_success{backup="wallet-buyer"}': 1},
            within=timedelta(seconds=10),
        ),
    ),
    throughout=(Promise(edge_serves("/api/listings"), outage=timedelta(0)),),
    hold=timedelta(seconds=1),
    recover_within=timedelta(seconds=10),
    severity="medium",
    rationale="One bad file that silences all of a machine's metrics hides a full disk behind a backup's half-written line.",
    remediation="Write such files by a rename, one a backup, and watch node_textfile_scrape_error.",
)  # fmt: skip

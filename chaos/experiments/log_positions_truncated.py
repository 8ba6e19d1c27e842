"""The log shipper's note of how far it was ends too early."""

from dataclasses import replace
from datetime import timedelta

from chaos.errands.log_line import LoggedLines
from chaos.experiment import Experiment, Promise
from chaos.faults.files import FileTruncated
from chaos.probes import edge_serves, healthy
from chaos.wording import spoken

SHIPPED = timedelta(seconds=20)
LINES = LoggedLines("alert-receiver")
EXPERIMENT = Experiment(
    id="EXP-LOG-044",
    hypothesis=(
        "When the shipper's note of how far it was is cut short, lines go on reaching the log store "
        f"within {spoken(SHIPPED)}, and of those before none is missing or there twice"
    ),
    fault=FileTruncated(
        "promtail", "/promtail/positions.yaml", also=("/promtail/positions.yaml.unreadable",), size=40, written=True
    ),
    steady_state=(edge_serves("/api/listings"), healthy("loki", "promtail"), LINES.begun),
    during=(LINES.logged, replace(LINES.begun, within=SHIPPED)),
    throughout=(Promise(edge_serves("/api/listings"), outage=timedelta(0)),),
    hold=timedelta(0),
    recover_within=SHIPPED,
    rationale="After a full disk or a power cut such a note is half written; whoever ends at it ships nothing until a person comes.",
    remediation="Set a note that can't be read aside and read every line again: the store keeps one of each.",
)

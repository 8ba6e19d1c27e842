"""A wallet accepts what the exporter asks and says nothing."""

from datetime import timedelta

from chaos.errands.wallet_metrics import told_by_the_exporter
from chaos.experiment import Experiment, Promise
from chaos.faults import Blackhole
from chaos.probes import edge_serves, healthy
from chaos.wording import spoken

SCRAPED = timedelta(seconds=4)
BACK = timedelta(seconds=10)
EXPERIMENT = Experiment(
    id="EXP-EXT-030",
    hypothesis=(
        f"While a wallet leaves the exporter without an answer, a scrape takes no longer than {spoken(SCRAPED)} and tells the wallet "
        f"down and the others up; it is up again within {spoken(BACK)} after"
    ),
    fault=Blackhole("monero-exporter", "monero-wallet-rpc-vendor", 18083),
    steady_state=(
        edge_serves("/api/listings"),
        healthy("monero-exporter"),
        told_by_the_exporter(within_seconds=SCRAPED.total_seconds()),
    ),
    during=(
        told_by_the_exporter(down=("vendor",), within_seconds=SCRAPED.total_seconds(), within=timedelta(seconds=8)),
    ),
    throughout=(Promise(edge_serves("/api/listings"), outage=timedelta(0)),),
    users=timedelta(0),
    hold=timedelta(0),
    recover_within=BACK,
    severity="medium",
    rationale="One wallet that hangs must not take the numbers of the others along: Prometheus gives a scrape four seconds.",
    remediation="A time-out for each wallet below the scrape's, all asked at the same time, and a number that says who was silent.",
)

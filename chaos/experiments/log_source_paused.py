"""The only way to the engine's logs freezes: the shipper's questions hang."""

from datetime import timedelta

from chaos.errands.log_line import LoggedLines
from chaos.experiment import Experiment, Promise
from chaos.faults import Paused
from chaos.probes import edge_serves, healthy
from chaos.wording import spoken

FOUND = timedelta(seconds=30)
LINES = LoggedLines("server-blue")
EXPERIMENT = Experiment(
    id="EXP-LOG-002",
    hypothesis=(
        "While the proxy before the engine's interface is frozen customers notice nothing, "
        f"and what was logged meanwhile is found within {spoken(FOUND)} of its return, each line once"
    ),
    fault=Paused("engine-api-proxy"),
    steady_state=(edge_serves("/api/listings"), healthy("engine-api-proxy", "promtail", "loki"), LINES.begun),
    during=(LINES.logged,),
    throughout=(Promise(edge_serves("/api/listings"), outage=timedelta(0)),),
    hold=timedelta(seconds=1),
    recover_within=FOUND,
    severity="medium",
    rationale="A stream of logs that hangs looks like a quiet service; a shipper that waits on it for ever ships nothing any more.",
    remediation="A time-out on the proxy's server side, and a shipper that opens the stream again where it left off.",
)

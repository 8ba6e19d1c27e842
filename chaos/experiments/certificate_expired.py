"""The edge's certificate runs out."""

from datetime import timedelta
from typing import TYPE_CHECKING

from chaos.experiment import Experiment, Probe
from chaos.faults.certificates import CertificateExpired
from chaos.probes import edge_serves, healthy
from chaos.told import keeps_running, measured
from chaos.wording import spoken

if TYPE_CHECKING:
    from stack.model import Stack

SEEN = timedelta(seconds=25)
BACK = timedelta(seconds=10)


def _not_refused(stack: "Stack") -> str | None:
    import requests

    try:
        with stack.edge.session(timeout_seconds=2) as session:
            status = session.get("/health").status_code
    except requests.exceptions.SSLError as error:
        return None if "expired" in str(error) else f"refused for another reason: {error}"
    except requests.RequestException as error:
        return f"no handshake at all: {type(error).__name__}"
    return f"a client took the certificate and got {status}"


EXPERIMENT = Experiment(
    id="EXP-EDG-046",
    hypothesis=(
        f"When the edge's certificate has run out clients refuse it and the monitoring knows its date within {spoken(SEEN)}; "
        f"with a good one customers are served within {spoken(BACK)} after the reload, and nothing is started anew"
    ),
    fault=CertificateExpired("nginx"),
    steady_state=(edge_serves("/health"), healthy("nginx"), keeps_running("nginx")),
    during=(
        Probe("clients refuse the certificate as expired", _not_refused, timedelta(seconds=10)),
        measured("the monitoring knows that it ran out", "probe_ssl_earliest_cert_expiry - time() < 0", within=SEEN),
    ),
    hold=timedelta(0),
    recover_within=BACK,
    rationale="With HSTS no browser lets anybody past an expired certificate: the shop is shut, whatever else is well.",
    remediation="Renew long before, reload afterwards, and probe the date without trusting it: a refused one has no date to tell.",
)

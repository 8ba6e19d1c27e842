"""The wallets' exporter logs in with a wrong password."""

from datetime import timedelta

from chaos.experiment import Experiment, Promise
from chaos.faults.secrets import SecretWrong
from chaos.probes import edge_serves, healthy, wallet_answers
from chaos.told import says

UP = 'monero_wallet_up{{wallet_name="{}"}}'.format
EXPERIMENT = Experiment(
    id="EXP-EXT-041",
    hypothesis=(
        "An exporter with a wrong password for one wallet says that it can't see that one and goes on about the others, "
        "and the wallet itself is as well as before"
    ),
    fault=SecretWrong("monero-exporter", "WALLET_VENDOR_RPC_PASSWORD"),
    steady_state=(
        healthy("monero-exporter"),
        says("every wallet is seen", "monero-exporter", 9101, {UP(name): 1 for name in ("buyer", "vendor", "arbiter")}),
    ),
    during=(
        says(
            "the vendor's wallet is not seen, and the others are", "monero-exporter", 9101,
            {UP("buyer"): 1, UP("vendor"): 0, UP("arbiter"): 1}, within=timedelta(seconds=10),
        ),
        wallet_answers("vendor", within=timedelta(seconds=10)),
    ),
    throughout=(Promise(edge_serves("/api/listings"), outage=timedelta(0)),),
    hold=timedelta(0),
    recover_within=timedelta(seconds=15),
    severity="medium",
    rationale="Who watches with a wrong key must say that it sees nothing, neither that all is well nor that all is lost.",
    remediation="One metric a wallet that is 0 when it can't be asked, and an alert on it.",
)  # fmt: skip

"""The buyers' wallet crashes in the middle of whatever it was signing."""

from datetime import timedelta

from chaos.errands.memory import SameWallet
from chaos.experiment import Experiment, Promise
from chaos.faults import Killed
from chaos.probes import BACK_OFF_RESETS_AFTER, edge_serves, healthy
from chaos.wording import spoken

BACK = timedelta(seconds=60)
WALLET = SameWallet("buyer")
EXPERIMENT = Experiment(
    id="EXP-WAL-002",
    hypothesis=(
        f"A wallet whose process is killed is back within {spoken(BACK)} with nobody's help, as the wallet it was and "
        "ready for escrow, while customers browse undisturbed"
    ),
    fault=Killed("monero-wallet-rpc-buyer"),
    steady_state=(edge_serves("/api/listings"), healthy("monero-wallet-rpc-buyer"), WALLET.there),
    throughout=(Promise(edge_serves("/api/listings"), outage=timedelta(0)),),
    hold=timedelta(0),
    unaided=True,
    recover_within=BACK,
    quiet_before=BACK_OFF_RESETS_AFTER,
    rationale="A wallet RPC that comes back without its wallet open looks alive, and no escrow can be paid out.",
    remediation="Have the service open its wallet as it starts (--wallet-file), and its health check ask that wallet.",
)

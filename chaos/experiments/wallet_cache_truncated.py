"""A wallet's file ends too early."""

from datetime import timedelta

from chaos.errands.memory import SameWallet
from chaos.experiment import Experiment, Promise
from chaos.faults.files import FileTruncated
from chaos.probes import edge_serves, healthy, wallet_answers
from chaos.told import refuses
from chaos.wording import spoken

BACK = timedelta(seconds=20)
OPENS = timedelta(seconds=60)
"""No promise: how long it may take to find out that it can't, on a busy machine."""
WALLET = SameWallet("arbiter")
EXPERIMENT = Experiment(
    id="EXP-WAL-042",
    hypothesis=(
        "A wallet whose file was cut short does not open it, and customers and the other wallets notice nothing; "
        f"with the file restored it is the wallet it was, ready for escrow, within {spoken(BACK)}"
    ),
    fault=FileTruncated("monero-wallet-rpc-arbiter", "/wallet-arbiter/arbiter", size=1000, written=True),
    steady_state=(edge_serves("/api/listings"), healthy("server-blue", "monero-wallet-rpc-arbiter"), WALLET.there),
    during=(
        refuses("monero-wallet-rpc-arbiter", "Wallet initialization failed", within=OPENS),
        wallet_answers("buyer", within=timedelta(seconds=10)),
        wallet_answers("vendor", within=timedelta(seconds=10)),
    ),
    throughout=(Promise(edge_serves("/api/listings"), outage=timedelta(0)),),
    hold=timedelta(0),
    recover_within=BACK,
    rationale="Made anew from its keys alone, a wallet of two of three has the address and can't sign: nobody may take it for well.",
    remediation="Keep backups of the wallet's file, and restore the last one; never repair it by opening its keys elsewhere.",
)

"""Mines the private chain and makes the 2-of-3 multisig triple once, and keeps both, so that a bring-up takes no time for it.

What is kept is an engine volume named after a key of all that made it: the monero image, the recipe, the wallet secrets.
The recipe (stack.md, measured): prepare, make with threshold 2, exchange keys until ready, mine to the common address until
coinbases are unlocked (60 blocks), exchange multisig info (before it a transfer fails), store.
"""

from __future__ import annotations

import fcntl
import hashlib
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from stack import secrets, volumes
from stack.clients.wallet import WalletRpc
from stack.driver import Driver
from stack.errors import SeatrialError
from stack.progress import Progress
from stack.volumes import SNAPSHOT_VOLUMES, full_name
from stack.waiting import eventually

COMPOSE_FILE = Path(__file__).with_name("compose.snapshot.yaml")
IMAGE = "seatrial/monero:local"
PREFIX = "seatrial-snapshot-"

WALLETS = secrets.WALLETS
THRESHOLD = 2
#: 60 blocks unlock a coinbase; 60 more leave as many outputs to spend, and rings of 16 have whom to hide among.
BLOCKS = 120
_RPC_TIMEOUT_SECONDS = 60


def key(image_id: str, values: Mapping[str, str]) -> str:
    """Answer what a snapshot is named after: it changes with the image, the recipe and the wallet secrets, and tells none."""
    names = [name for name in secrets.NAMES if name.startswith("WALLET_") and not name.endswith("_RPC_PASSWORD")]
    recipe = Path(__file__).read_bytes() + COMPOSE_FILE.read_bytes()
    marks = image_id + hashlib.sha256(recipe).hexdigest() + secrets.fingerprint(values, "seatrial snapshot", names)
    return hashlib.sha256(marks.encode()).hexdigest()[:16]


def ensure(driver: Driver, state: Path, values: Mapping[str, str], progress: Progress) -> str:
    """Answer the name of the snapshot's volume; made (20 to 30 seconds) when it is not there.

    `state` holds the rendered secrets of the wallets. One process makes it, others wait. Raises `SeatrialError` when the
    recipe fails; nothing half-made is ever left under the name.
    """
    name = PREFIX + key(driver.image(IMAGE)["Id"], values)
    if volumes.exists(driver, name):
        return name
    with _alone(state.parent / "snapshot.lock"):
        if not volumes.exists(driver, name):
            with progress.step("mining the chain and making the multisig wallets (once)"):
                _make(name, state, values)
    return name


def _make(name: str, state: Path, values: Mapping[str, str]) -> None:
    maker = Driver.connect(f"{name}-making", [COMPOSE_FILE], env={"SEATRIAL_STATE_DIR": str(state)})
    maker.compose("down", "--volumes", "--timeout", "1")
    try:
        # Owners first: monero runs as its own uids and the volumes begin as root's.
        maker.compose("create")
        _give_to_owners(maker)
        maker.compose("up", "--detach")
        _Recipe(maker, values).run()
        maker.compose("stop", "--timeout", "20")
        _keep(maker, name)
    finally:
        maker.compose("down", "--volumes", "--timeout", "1", check=False)


def _give_to_owners(maker: Driver) -> None:
    owners = {"chain": 10103, "wallet-buyer": 10104, "wallet-vendor": 10105, "wallet-arbiter": 10106}
    mounts = [f"type=volume,source={full_name(maker.project, name)},target=/own/{name}" for name in owners]
    script = "; ".join(["set -e", *(f"chown {uid}:{uid} /own/{name}" for name, uid in owners.items())])
    _helper(maker, script, mounts)


def _keep(maker: Driver, name: str) -> None:
    """Copy the four volumes into one under its final name; removed again when that fails half-way."""
    volumes.make(maker, name, {"seatrial.snapshot": "chain and wallets"})
    mounts = [f"type=volume,source={name},target=/snapshot"]
    mounts += [f"type=volume,source={full_name(maker.project, v)},target=/from/{v},readonly" for v in SNAPSHOT_VOLUMES]
    try:
        _helper(maker, "cp -a --sparse=always /from/. /snapshot/ && sync -f /snapshot", mounts)
    except BaseException:
        volumes.drop(maker, name)
        raise


def _helper(maker: Driver, script: str, mounts: list[str]) -> None:
    done = maker.run_helper(["sh", "-c", script], image=IMAGE, network="none", mounts=mounts, timeout_seconds=60)
    if isinstance(done, str) or not done.ok:
        message = f"the snapshot's volumes could not be written: {done if isinstance(done, str) else done.last_words()}"
        raise SeatrialError(message)


class _Recipe:
    """The steps from four empty services to three funded wallets of one triple."""

    def __init__(self, maker: Driver, values: Mapping[str, str]) -> None:
        self._maker = maker
        self._values = values
        self._clients = {name: self._client(name) for name in ("monerod", *WALLETS)}

    def run(self) -> None:
        """Take all steps; raises `SeatrialError` or `CannotTell` at the first that does not do what it should."""
        for name in self._clients:
            self._answers(name)
        self._all(
            "create_wallet", {w: {"filename": w, "password": self._password(w), "language": "English"} for w in WALLETS}
        )
        self._become_one()
        self._fund()
        self._exchange_info()
        self._all("store", {wallet: {} for wallet in WALLETS})
        self._verify()

    def _become_one(self) -> None:
        first = self._all("prepare_multisig", {w: {"enable_multisig_experimental": True} for w in WALLETS})
        said = {wallet: answer["multisig_info"] for wallet, answer in first.items()}
        made = self._all("make_multisig", self._from_others(said, threshold=THRESHOLD))
        said = {wallet: answer["multisig_info"] for wallet, answer in made.items()}
        while any(said.values()):
            answers = self._all("exchange_multisig_keys", self._from_others(said))
            said = {wallet: answer["multisig_info"] for wallet, answer in answers.items()}
            states = self._all("is_multisig", {wallet: {} for wallet in WALLETS})
            if all(state["ready"] for state in states.values()):
                return
        message = "the wallets exchanged all keys and are not ready: a bug of the recipe or another monero"
        raise SeatrialError(message)

    def _fund(self) -> None:
        address = self._call("buyer", "get_address", {"account_index": 0})["address"]
        self._call("monerod", "generateblocks", {"amount_of_blocks": BLOCKS, "wallet_address": address})
        self._all("refresh", {wallet: {} for wallet in WALLETS})

    def _exchange_info(self) -> None:
        exported = self._all("export_multisig_info", {wallet: {} for wallet in WALLETS})
        infos = {wallet: answer["info"] for wallet, answer in exported.items()}
        self._all("import_multisig_info", {w: {"info": [infos[o] for o in WALLETS if o != w]} for w in WALLETS})

    def _verify(self) -> None:
        balances = self._all("get_balance", {wallet: {"account_index": 0} for wallet in WALLETS})
        seen = {(b["balance"], b["unlocked_balance"], b["multisig_import_needed"]) for b in balances.values()}
        if len(seen) != 1 or not (one := next(iter(seen)))[1] or one[2]:
            message = f"the three wallets should be one, funded and ready to sign, but say {sorted(seen)}"
            raise SeatrialError(message)

    def _from_others(self, said: Mapping[str, str], **more: object) -> dict[str, dict[str, object]]:
        return {
            wallet: {
                "multisig_info": [said[other] for other in WALLETS if other != wallet],
                "password": self._password(wallet),
                **more,
            }
            for wallet in WALLETS
        }

    def _all(self, method: str, parameters: Mapping[str, Mapping[str, object]]) -> dict[str, Any]:
        """Ask the three wallets at the same time: each takes its second of cryptography on a core of its own."""
        with ThreadPoolExecutor(len(WALLETS)) as pool:
            pending = {wallet: pool.submit(self._call, wallet, method, parameters[wallet]) for wallet in WALLETS}
            return {wallet: future.result() for wallet, future in pending.items()}

    def _call(self, name: str, method: str, parameters: Mapping[str, object]) -> dict[str, Any]:
        return self._clients[name].call(method, **parameters)

    def _answers(self, name: str) -> None:
        method = "get_version"
        eventually(
            lambda: self._call(name, method, {}),
            within=timedelta(seconds=30),
            every=timedelta(milliseconds=200),
            what=f"{name} of the snapshot answers {method}",
        )

    def _client(self, name: str) -> WalletRpc:
        """The daemon speaks the same JSON-RPC; it asks for no login, so none is sent to it."""
        password = self._rpc(name) if name in WALLETS else ""
        url = f"http://127.0.0.1:{self._port(name)}"
        return WalletRpc(url, user=secrets.RPC_USER, password=password, timeout_seconds=_RPC_TIMEOUT_SECONDS)

    def _port(self, name: str) -> int:
        inspected = self._maker.inspect(self._maker.container_ids(name)[0])
        bound = next(iter(filter(None, inspected["NetworkSettings"]["Ports"].values())))
        return int(bound[0]["HostPort"])

    def _password(self, wallet: str) -> str:
        return self._values[f"WALLET_{wallet.upper()}_PASSWORD"]

    def _rpc(self, wallet: str) -> str:
        return self._values[f"WALLET_{wallet.upper()}_RPC_PASSWORD"]


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    with lock.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield

"""Rotates secrets in a copy of the stack while its journey writes, and keeps what each side did, for the check to judge.

A copy with secrets of its own: the operator's file, which every stack of this clone is rendered from, stays as it is.
"""

from __future__ import annotations

import itertools
import secrets as entropy
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

from requests.auth import HTTPDigestAuth

from stack import lifecycle, rotation, secrets
from stack.beside import beside, serving
from stack.clients.market import Market, Refused
from stack.container import Container
from stack.errors import CannotTell, SeatrialError
from stack.files import private_folder
from stack.journey import Ack, Losses
from stack.marketplace import MarketplaceJourney
from stack.model import Stack
from stack.profile import Endpoint, Wallet
from stack.progress import Progress
from stack.project import COMPOSE_FILE, ROOT, environment
from stack.waiting import eventually
from suites.check import not_applicable
from suites.restore.writing import Writer
from suites.security import memory
from suites.security.test_authentication import answer

SUFFIX = "-rotation"
OFFSETS = range(20_000, 30_000, 1_000)
"""Not those of the restore drills: both may look for free ports in the same moment."""
NAMES = ("SESSION_SECRET", *(f"WALLET_{wallet.upper()}_RPC_PASSWORD" for wallet in secrets.WALLETS))
"""What can be rotated by a restart. Data is locked with the others: `secrets rotate` refuses them by name."""
BESIDE = ("monero-exporter",)
"""A reader of the wallets' passwords that no order needs."""
WRITES_BEFORE, WRITES_AFTER = 5, 5
A_WRITE_WITHIN = AN_ANSWER_WITHIN = timedelta(seconds=60)

Held = Mapping[str, frozenset[str]]
"""Service → the names of the secrets that one of its processes holds in memory."""


class Returning(MarketplaceJourney):
    """A user who logs in again when told that the session is over, as people do."""

    def act(self) -> Ack:
        """Do the next write, with a new session where the old one has ended."""
        try:
            return super().act()
        except Refused as refused:
            if refused.status != 401:
                raise
            self._tokens.clear()
            return super().act()


@dataclass(frozen=True)
class Drilled:
    """The copy after its rotation, with what was true before it."""

    stack: Stack
    old: Mapping[str, str]
    new: Mapping[str, str]
    old_session: str
    writer: Writer
    journey: MarketplaceJourney
    began: float
    ended: float

    def acks(self, *, after: bool) -> list[Ack]:
        """The writes that were acknowledged before the rotation began, or after it ended."""
        return [ack for ack in self.writer.acks if (ack.at > self.ended if after else ack.at < self.began)]

    @property
    def longest_silence(self) -> float:
        """The longest time without an acknowledged write while it was going on, in seconds."""
        times = sorted(ack.at for ack in self.writer.acks)
        return max((later - earlier for earlier, later in itertools.pairwise(times)), default=0.0)


@dataclass(frozen=True)
class Seen:
    """What the drill showed, without any secret: it outlives the copy."""

    before: int
    during: int
    after: int
    """Writes acknowledged before, during and after the rotation."""
    losses: Losses
    unsure: int
    """Writes refused or unanswered meanwhile."""
    rotation_seconds: float
    longest_silence: float
    """The longest time without an acknowledged write, in seconds."""
    logins: Mapping[str, tuple[int, int]]
    """Wallet RPC → the statuses with which it answers the old password and the new one."""
    session_opens: bool
    """Whether a session begun before still opens."""
    remembered_old: Held
    remembered_new: Held
    """The secrets of which a process holds the old, or the new, value."""


def seen(first: Stack) -> Seen:
    """Rotate in a copy of the stack and tell what came of it; touches nothing of the first. Raises as `drilled`."""
    if first.compose_files[:1] != (COMPOSE_FILE,):
        not_applicable("how another stack's secrets are rotated is not known; ours are, by `stack.ops secrets rotate`")
    with drilled(first) as drill:
        readers = [container for container in drill.stack.containers() if container.is_running]
        with ThreadPoolExecutor(1) as beside_it:  # users' logins are limited to one a second: mostly it waits
            losses = beside_it.submit(drill.journey.verify, tuple(drill.writer.acks))
            # Before a wallet is asked: who is told the old password once more holds it again.
            old, new = ({name: values[name] for name in NAMES} for values in (drill.old, drill.new))
            remembered_old, remembered_new = remembered(readers, old, new)
        logins = {
            wallet.service: (
                login_status(drill.stack, wallet, drill.old[wallet.password_secret]),
                login_status(drill.stack, wallet, drill.new[wallet.password_secret]),
            )
            for wallet in drill.stack.profile.wallets.values()
        }
        before, after = len(drill.acks(after=False)), len(drill.acks(after=True))
        return Seen(
            before=before,
            during=len(drill.writer.acks) - before - after,
            after=after,
            losses=losses.result(),
            unsure=len(drill.writer.unsure),
            rotation_seconds=drill.ended - drill.began,
            longest_silence=drill.longest_silence,
            logins=logins,
            session_opens=opens(drill.stack, drill.old_session),
            remembered_old=remembered_old,
            remembered_new=remembered_new,
        )


@contextmanager
def drilled(first: Stack) -> Iterator[Drilled]:
    """Bring a copy up, rotate its secrets under traffic, and hand it out; it is gone when the block ends.

    Raises:
        AssertionError: the rotation failed, or no write was acknowledged within a minute of it.
        CannotTell: there could be no copy, or no traffic before the rotation.

    """
    project = first.project + SUFFIX
    quiet = Progress(quiet=True)
    with ExitStack() as undo:
        root = Path(undo.enter_context(tempfile.TemporaryDirectory(prefix="seatrial-rotation-")))
        lifecycle.down(project, progress=quiet)  # what a killed run left
        second, offset = beside(first, project, OFFSETS)
        env = environment(project, offset=offset)
        undo.callback(shutil.rmtree, second.state_dir, ignore_errors=True)
        undo.callback(lifecycle.down, project, progress=quiet)
        try:
            lifecycle.up(project, services=[*serving(second), *BESIDE], env=env, progress=quiet, build=False)
        except SeatrialError as error:
            raise CannotTell(f"no copy to rotate secrets in: {error}") from error
        clone_secrets(root)
        yield rotate(second, root, quiet)


def clone_secrets(root: Path) -> None:
    """The operator's secrets and the key to them, in another folder."""
    here, there = secrets.Places(ROOT), secrets.Places(root)
    private_folder(there.operator)
    there.encrypted.parent.mkdir()
    shutil.copyfile(here.age_key, there.age_key)
    there.age_key.chmod(0o400)
    shutil.copyfile(here.encrypted, there.encrypted)


def rotate(stack: Stack, root: Path, progress: Progress) -> Drilled:
    """Rotate while the journey writes; the writing begins before and goes on after."""
    old = secrets.decrypt(root)
    journey = Returning(stack)
    writer = Writer(journey)
    with writer.writing():
        wait_for(writer, WRITES_BEFORE, "writes are acknowledged before the rotation", CannotTell)
        session = a_session(stack)
        began = time.time()
        rotate_or_fail(stack, root, progress)
        ended = time.time()
        wait_for(writer, len(writer.acks) + WRITES_AFTER, "writes are acknowledged after the rotation")
    return Drilled(stack, old, secrets.decrypt(root), session, writer, journey, began, ended)


def rotate_or_fail(stack: Stack, root: Path, progress: Progress) -> None:
    """Rotate by the operator's own code; a rotation that does not end well is what the check looks for."""
    try:
        rotation.rotate(root, stack.driver, stack.state_dir, NAMES, progress=progress)
    except CannotTell:
        raise
    except SeatrialError as error:
        raise AssertionError(f"the rotation does not end well: {error}") from error


def wait_for(writer: Writer, count: int, what: str, instead: type[Exception] = AssertionError) -> None:
    """Wait until so many writes are acknowledged; `instead` is raised when they are not."""
    try:
        eventually(lambda: len(writer.acks) >= count, within=A_WRITE_WITHIN, every=timedelta(milliseconds=100), what=what)
    except AssertionError as error:
        raise instead(f"{error} ({'; '.join(writer.unsure[-2:]) or 'nothing was refused'})") from error


T = TypeVar("T")


def patiently(ask: Callable[[], T], what: str) -> T:
    """What is answered once the edge's limits and a busy machine let it; CannotTell when nothing is within a minute."""

    def answered() -> tuple[T] | None:
        try:
            return (ask(),)
        except Refused as refused:
            if refused.status != 429:
                raise
            return None

    try:
        return eventually(answered, within=AN_ANSWER_WITHIN, every=timedelta(seconds=1), what=what)[0]
    except AssertionError as error:
        raise CannotTell(str(error)) from error


def a_session(stack: Stack) -> str:
    """The token of a session of somebody who does nothing else."""
    market = Market(stack.edge)
    name, password = f"sailor-{entropy.token_hex(8)}", entropy.token_urlsafe(16)
    patiently(lambda: market.register(name, password), "somebody may register")
    return patiently(lambda: market.login(name, password).token, "somebody may log in")


def opens(stack: Stack, token: str) -> bool:
    """Whether a session still opens what needs one."""
    market = Market(stack.edge)

    def tried() -> bool:
        try:
            next(market.purchases(token), None)
        except Refused as refused:
            if refused.status == 401:
                return False
            raise
        return True

    return patiently(tried, "a session is tried")


def login_status(stack: Stack, wallet: Wallet, password: str) -> int:
    """The status with which a wallet RPC answers a login."""
    url = stack.url(Endpoint(service=wallet.service, port=wallet.port)) + "/json_rpc"
    return patiently(lambda: answer(url, HTTPDigestAuth(wallet.user, password)), f"{wallet.service} answers a login")


def remembered(containers: Sequence[Container], old: Mapping[str, str], new: Mapping[str, str]) -> tuple[Held, Held]:
    """Which of the old and which of the new secrets the processes hold in memory, which is read once for both."""
    needles = {f"{age}{name}": text.encode() for age, of in (("old ", old), ("new ", new)) for name, text in of.items()}
    found = {
        container.service: frozenset().union(*(memory.held(process.pid, needles) for process in container.processes()))
        for container in containers
    }

    def of_age(age: str) -> Held:
        return {who: frozenset(n.removeprefix(age) for n in names if n.startswith(age)) for who, names in found.items()}

    return of_age("old "), of_age("new ")
